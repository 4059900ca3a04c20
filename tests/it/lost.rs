//! Runs that lose their workers again and again: the innocent go on, and who kills its worker is
//! found out, alone.

use std::time::Duration;

use test_support::{Home, Left, WrongClock, eventually, processes_of};

use super::server::{Asking, Server};
use super::{SOON, deploy, home, inspect, json, start, state, text, wait_until, worker};

/// The process in which a run is executed alone.
#[track_caller]
fn alone(home: &Home) -> Left {
    let find = || {
        let processes = processes_of(home.path());
        processes
            .into_iter()
            .find(|it| it.command.contains("--executes"))
    };
    eventually(SOON, || find().is_some());
    find().unwrap()
}

/// What the history of a run says of its states, beginning with the newest.
fn said(home: &Home, run: &str) -> Vec<String> {
    let history = json(home, &["flow-run", "inspect", run])["history"].clone();
    let lines = history.as_array().unwrap().iter().rev();
    let message = |line: &serde_json::Value| line["message"].as_str().map(str::to_owned);
    lines.filter_map(message).collect()
}

/// A run that waits for an answer in its task, in quarantine, after two workers were killed.
fn in_quarantine() -> (Server, Home, String) {
    let (server, home) = Server::granted();
    let run = server.ask(&home, "ask");
    for _ in 0..2 {
        let worker = worker(&home, &[]);
        let _call = server.call();
        worker.sigkill();
    }
    (server, home, run)
}

#[test]
fn whoever_loses_its_worker_in_company_is_never_ended() {
    let (server, home) = Server::granted();
    let runs: Vec<String> = (0..3).map(|_| server.ask(&home, "ask")).collect();
    for _ in 0..5 {
        let worker = worker(&home, &[]);
        let _calls: Vec<Asking> = runs.iter().map(|_| server.call()).collect();
        worker.sigkill();
    }
    let _worker = worker(&home, &[]);
    for _ in &runs {
        server.call().answer("at last");
    }
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
        let said = said(&home, run);
        let expect = "the second time without progress; the run will be tried alone";
        assert!(said.iter().any(|it| it.contains(expect)), "{said:#?}");
        let expect = "tried alone, in a process of its own";
        assert!(said.iter().any(|it| it == expect), "{said:#?}");
    }
}

#[test]
fn whoever_ends_its_own_process_is_found_out() {
    let (server, home, run) = in_quarantine();
    let worker = worker(&home, &[]);
    let _call = server.call();
    alone(&home).kill();
    wait_until(&home, &run, "CRASHED");
    assert_eq!(
        text(&inspect(&home, &run)["state"]["message"]),
        "its process was ended by signal 9 (SIGKILL) while it was executed alone; \
         its worker was lost twice before"
    );
    // The worker is none the worse for it.
    let other = server.ask(&home, "ask");
    server.call().answer("fine");
    wait_until(&home, &other, "COMPLETED");
    assert!(!worker.has_ended());

    // A person may give it another chance, which begins like the first.
    home.run(["flow-run", "retry", &run]).ok();
    server.call().answer("fine");
    wait_until(&home, &run, "COMPLETED");
    let executed_alone = worker.stderr().matches("executing alone").count();
    assert_eq!(executed_alone, 1, "{}", worker.stderr());
}

/// The memory of all guests is divided: so both processes together stay within it.
#[test]
fn whoever_is_executed_alone_has_a_quarter_of_the_memory_which_is_set_aside() {
    let (server, home, run) = in_quarantine();
    let _worker = worker(&home, &["--memory", "1GiB", "--lease", "2s"]);
    let call = server.call();
    alone(&home);
    let memory = || json(&home, &["worker", "ls"])[0]["usage"]["memory"]["used"].clone();
    eventually(SOON, || memory() == 256 << 20);
    call.answer("fine");
    wait_until(&home, &run, "COMPLETED");
    eventually(SOON, || memory() == 0);
}

#[test]
fn a_process_that_hangs_is_ended_by_its_worker() {
    let (server, home, run) = in_quarantine();
    let _worker = worker(&home, &["--lease", "2s"]);
    let _call = server.call();
    alone(&home).stop();
    wait_until(&home, &run, "CRASHED");
    let run = inspect(&home, &run);
    let message = text(&run["state"]["message"]);
    let expect = "its process was silent for 2s and was killed while it was executed alone";
    assert!(message.starts_with(expect), "{message}");
}

#[test]
fn whoever_gets_further_is_not_suspected() {
    let (server, home) = Server::granted();
    let address = server.address();
    let run = start(
        &home,
        "ask-often",
        &["-p", &format!("address={address}"), "-p", "times=60"],
    );
    for _ in 0..11 {
        let worker = worker(&home, &[]);
        for _ in 0..5 {
            server.call().answer("on");
        }
        // What it was answered is recorded with the next call.
        let _call = server.call();
        worker.sigkill();
    }
    let _worker = worker(&home, &[]);
    while state(&home, &run) != "COMPLETED" {
        if let Some(call) = server.try_call() {
            call.answer("on");
        }
    }
    let said = said(&home, &run);
    assert!(!said.iter().any(|it| it.contains("alone")), "{said:#?}");
}

#[test]
fn a_run_that_is_executed_alone_hears_of_its_cancellation_and_of_the_end_of_its_worker() {
    let (server, home, run) = in_quarantine();
    // It goes back to the pool when its worker is stopped.
    let stopped = worker(&home, &[]);
    let _call = server.call();
    stopped.sigint();
    eventually(SOON, || stopped.stderr().contains("stops: "));
    stopped.sigint();
    assert_eq!(stopped.wait(), 0);
    eventually(SOON, || processes_of(home.path()).is_empty());
    assert_eq!(state(&home, &run), "SCHEDULED");

    let _worker = worker(&home, &[]);
    let _call = server.call();
    alone(&home);
    home.run(["flow-run", "cancel", &run]).ok();
    wait_until(&home, &run, "CANCELLED");
}

/// It stands still for longer than its lease, as a machine that is suspended does, over and over,
/// while it has much to do and another worker takes its runs.
#[test]
fn a_worker_that_stands_still_again_and_again_begins_anew_each_time() {
    let times = std::env::var("ORCH_STOPS").map_or(6, |times| times.parse().unwrap());
    let home = home();
    deploy(&home, "bench", &[]);
    let unlucky = worker(&home, &["--lease", "1s", "--limit", "8"]);
    let _other = worker(&home, &["--lease", "1s", "--limit", "4"]);
    let mut runs = Vec::new();
    let begun_anew = || unlucky.stderr().matches("has begun anew").count();
    for stop in 1..=times {
        for n in 0..8 {
            let ms = format!("ms={}", 100 + 200 * n);
            runs.push(start(&home, "working", &["-p", &ms]));
        }
        unlucky.sigstop();
        // It is given up meanwhile, unless it has stopped with the database locked.
        std::thread::sleep(Duration::from_millis(2500));
        unlucky.sigcont();
        let workers = || json(&home, &["worker", "ls"]).as_array().unwrap().len();
        eventually(SOON, || {
            assert!(!unlucky.has_ended(), "{}", unlucky.stderr());
            workers() == 2
        });
        assert!(begun_anew() <= stop, "{}", unlucky.stderr());
    }
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
    }
    assert!(!unlucky.has_ended());
    let said = unlucky.stderr();
    let errors = said.lines().filter(|line| line.contains("ERROR"));
    assert_eq!(errors.count(), 0, "{said}");
    assert!((1..=times).contains(&begun_anew()), "{said}");
}

/// The clock of the machine is set, forward and back, by far more than a lease, while runs are
/// executed. What a clock measures is no reason to give anything up.
#[test]
fn a_jump_of_the_clock_costs_nobody_anything() {
    let Some(clock) = WrongClock::off_by("+0") else {
        return;
    };
    let home = Home::new(clock.program(env!("CARGO_BIN_EXE_orch-host")));
    deploy(&home, "bench", &[]);
    let workers = [
        worker(&home, &["--lease", "2s"]),
        worker(&home, &["--lease", "2s"]),
    ];
    let ids = || -> Vec<String> {
        let listed = json(&home, &["worker", "ls"]);
        let listed = listed.as_array().unwrap().iter();
        listed
            .map(|worker| text(&worker["id"]).to_owned())
            .collect()
    };
    let begin = ids();
    assert_eq!(begin.len(), 2);
    for jump in ["+5h", "-9h", "+0"] {
        let runs: Vec<String> = (0..4)
            .map(|_| start(&home, "working", &["-p", "ms=5000"]))
            .collect();
        for run in &runs {
            wait_until(&home, run, "RUNNING");
        }
        clock.jump(jump);
        for run in &runs {
            wait_until(&home, run, "COMPLETED");
            let said = said(&home, run);
            assert!(
                !said.iter().any(|it| it.contains("worker")),
                "{jump}: {said:#?}"
            );
        }
        assert_eq!(ids(), begin, "{jump}");
    }
    for worker in workers {
        assert!(
            !worker.stderr().contains("begun anew"),
            "{}",
            worker.stderr()
        );
    }
}
