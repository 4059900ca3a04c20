//! Tasks that await their retry: they hold no slot, and the worker that goes on with the run
//! tries them again.

use serde_json::Value;
use test_support::{Home, eventually};

use super::{
    SOON, deploy, flow_runs, home, inspect, json, start, state, task_runs, text, wait_until, watch,
    worker,
};

/// Far longer than any story.
const FOREVER: [&str; 2] = ["-p", "delay_ms=3600000"];

fn retries() -> Home {
    let home = home();
    deploy(&home, "retries", &[]);
    home
}

/// A run whose only task has failed once and awaits its next attempt.
#[track_caller]
fn waiting(home: &Home, flow: &str, more: &[&str]) -> String {
    let run = start(home, flow, more);
    wait_until(home, &run, "WAITING");
    let task = the_task(home, &run);
    assert_eq!(task["state"]["name"], "AwaitingRetry");
    assert_eq!(task["attempt"], 1);
    run
}

/// With an hour between its two attempts.
#[track_caller]
fn waiting_forever(home: &Home) -> String {
    let more = [&FOREVER[..], &["-p", "failures=1", "-p", "retries=1"]].concat();
    waiting(home, "options-of-the-call", &more)
}

#[track_caller]
fn the_task(home: &Home, run: &str) -> Value {
    let mut tasks = task_runs(home, run);
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    tasks.remove(0)
}

fn names(history: &Value) -> Vec<&str> {
    let history = history.as_array().unwrap();
    history.iter().map(|state| text(&state["name"])).collect()
}

/// Each attempt began once, and none before it was due.
#[track_caller]
fn each_attempt_began_once(task: &Value, attempts: u64, delay_ms: u64) {
    assert_eq!(task["attempt"], attempts, "{task:#}");
    assert_eq!(task["retry_at"], Value::Null);
    let mut expect = vec!["Pending", "Running"];
    for _ in 1..attempts {
        expect.extend(["AwaitingRetry", "Retrying"]);
    }
    expect.push("Completed");
    assert_eq!(names(&task["history"]), expect, "{task:#}");
    let at = |state: &Value| text(&state["at"]).parse::<jiff::Timestamp>().unwrap();
    for pair in task["history"].as_array().unwrap().windows(2) {
        if pair[0]["name"] == "AwaitingRetry" {
            let waited = at(&pair[1]).duration_since(at(&pair[0])).unsigned_abs();
            assert!(waited.as_millis() >= u128::from(delay_ms), "{task:#}");
        }
    }
}

#[test]
fn a_task_that_awaits_its_retry_holds_no_slot() {
    let home = retries();
    deploy(&home, "bench", &[]);
    home.run(["work-pool", "set-limit", "default-pool", "1"])
        .ok();
    let _worker = worker(&home, &["--limit", "1"]);
    let first = waiting_forever(&home);
    let second = waiting_forever(&home);
    watch(&home, "three-tasks", &[]).ok();
    let pool = json(&home, &["work-pool", "inspect", "default-pool"]);
    assert_eq!(pool["active"], 0);
    for run in [first, second] {
        assert_eq!(state(&home, &run), "WAITING");
        let task = the_task(&home, &run);
        let (failed, due) = (text(&task["state"]["at"]), text(&task["retry_at"]));
        assert!(due > failed, "{task:#}");
    }
}

#[test]
fn the_attempts_and_the_time_of_the_next_survive_the_worker() {
    let home = retries();
    let first = worker(&home, &[]);
    let more = ["-p", "failures=2", "-p", "retries=2", "-p", "delay_ms=3000"];
    let run = waiting(&home, "options-of-the-call", &more);
    first.sigkill();
    let before = the_task(&home, &run);
    // It is there before the retry is due, and has the run's journal and nothing else.
    let _second = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], 3);
    let task = the_task(&home, &run);
    each_attempt_began_once(&task, 3, 3000);
    assert_eq!(task["id"], before["id"]);
    let due = text(&before["retry_at"]);
    assert!(text(&task["history"][3]["at"]) >= due, "{task:#}");
}

/// Only an attempt that ended counts.
#[test]
fn an_attempt_that_was_interrupted_begins_again() {
    let home = retries();
    let first = worker(&home, &[]);
    let run = start(&home, "long-retry", &[]);
    let retrying = || {
        let tasks = task_runs(&home, &run);
        tasks.iter().any(|task| task["state"]["name"] == "Retrying")
    };
    eventually(SOON, retrying);
    first.sigkill();
    let _second = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], 2);
    let task = the_task(&home, &run);
    assert_eq!(task["attempt"], 2);
    let expect = "Pending Running AwaitingRetry Retrying Retrying Completed";
    assert_eq!(names(&task["history"]).join(" "), expect);
}

#[test]
fn a_flow_goes_on_with_its_retries_from_its_journal_alone() {
    let home = retries();
    let _worker = worker(&home, &["--park", "0s", "--limit", "1"]);
    let more = ["-p", "failures=3", "-p", "retries=3", "-p", "delay_ms=1000"];
    assert_eq!(
        watch(&home, "options-of-the-call", &more).ok().stdout,
        "4\n"
    );
    let run = &flow_runs(&home, &[])[0];
    each_attempt_began_once(&the_task(&home, text(&run["id"])), 4, 1000);
    let history = inspect(&home, text(&run["id"]))["history"].clone();
    let names = names(&history);
    let waits = names.iter().filter(|name| **name == "Waiting").count();
    assert_eq!(waits, 3, "{names:?}");
}

/// Tasks that execute, that await a retry and that have ended, of several flows at once.
#[track_caller]
fn a_crowd_ends(worker_args: &[&str]) {
    let home = retries();
    let _worker = worker(&home, worker_args);
    let more = ["-p", "n=60", "-p", "delay_ms=40"];
    let runs: Vec<String> = (0..3).map(|_| start(&home, "crowd", &more)).collect();
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
        assert_eq!(inspect(&home, run)["result"], 20 * (1 + 2 + 3));
        for task in task_runs(&home, run) {
            // All are called before anything else is, from position 1 on.
            let n = task["seq"].as_u64().unwrap() - 1;
            each_attempt_began_once(&task, 1 + n % 3, 40);
        }
    }
}

#[test]
fn a_crowd_of_retries_ends() {
    a_crowd_ends(&[]);
}

#[test]
fn a_crowd_of_retries_ends_by_replay() {
    a_crowd_ends(&["--park", "0s", "--limit", "1"]);
}

#[test]
fn what_settles_first_is_not_kept_waiting_by_a_retry() {
    let home = retries();
    let _worker = worker(&home, &["--park", "0s"]);
    let ran = watch(&home, "overtaken", &["-p", "delay_ms=2000"]).ok();
    assert_eq!(ran.stdout, "\"the timer\"\n");
    // What the flow did not wait for is cancelled.
    let run = &flow_runs(&home, &[])[0];
    let task = the_task(&home, text(&run["id"]));
    assert_eq!(task["state"]["type"], "CANCELLED", "{task:#}");
    assert_eq!(task["attempt"], 1);
}

#[test]
fn what_needs_a_task_that_is_retried_waits_with_it() {
    let home = retries();
    let _worker = worker(&home, &["--park", "0s"]);
    assert_eq!(
        watch(&home, "chained", &["-p", "delay_ms=50"]).ok().stdout,
        "2\n"
    );
    let tasks = task_runs(&home, text(&flow_runs(&home, &[])[0]["id"]));
    each_attempt_began_once(&tasks[0], 2, 50);
    each_attempt_began_once(&tasks[1], 1, 0);
}

#[test]
fn a_flow_waits_for_what_it_has_detached_without_a_slot() {
    let home = retries();
    deploy(&home, "bench", &[]);
    let first = worker(&home, &["--limit", "1"]);
    let run = waiting(&home, "detached", &["-p", "delay_ms=3000"]);
    watch(&home, "empty", &[]).ok();
    first.sigkill();
    let _second = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], "returned");
    each_attempt_began_once(&the_task(&home, &run), 2, 3000);

    // And it can be cancelled meanwhile.
    let run = waiting(&home, "detached", &FOREVER);
    home.run(["flow-run", "cancel", &run]).ok();
    wait_until(&home, &run, "CANCELLED");
    assert_eq!(the_task(&home, &run)["state"]["type"], "CANCELLED");
}

#[test]
fn a_retry_that_is_awaited_ends_with_its_cancelled_flow() {
    let home = retries();
    for park in ["1h", "0s"] {
        let worker = worker(&home, &["--park", park]);
        let run = waiting_forever(&home);
        home.run(["flow-run", "cancel", &run]).ok();
        wait_until(&home, &run, "CANCELLED");
        let task = the_task(&home, &run);
        assert_eq!(task["state"]["type"], "CANCELLED");
        assert_eq!(task["attempt"], 1);
        assert_eq!(task["retry_at"], Value::Null);
        drop(worker);
    }
}

#[test]
fn a_clean_up_may_try_again() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let run = start(&home, "tidy", &["-p", "delay_ms=200"]);
    wait_until(&home, &run, "WAITING");
    home.run(["flow-run", "cancel", &run]).ok();
    wait_until(&home, &run, "CANCELLED");
    each_attempt_began_once(&the_task(&home, &run), 2, 200);
}

#[test]
fn the_time_of_a_flow_ends_while_its_task_awaits_a_retry() {
    let home = retries();
    for (flow, park) in [
        ("too-late", "1h"),
        ("too-late", "0s"),
        ("detached-too-late", "1h"),
    ] {
        let worker = worker(&home, &["--park", park]);
        let run = start(&home, flow, &[]);
        wait_until(&home, &run, "FAILED");
        let run = inspect(&home, &run);
        assert_eq!(run["state"]["name"], "TimedOut", "{flow}, park {park}");
        let task = the_task(&home, text(&run["id"]));
        assert_eq!(task["attempt"], 1);
        assert!(!task["ended"].is_null(), "{task:#}");
        drop(worker);
    }
}

#[test]
fn a_paused_flow_goes_on_with_its_retries_when_it_is_resumed() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let more = ["-p", "failures=1", "-p", "retries=1", "-p", "delay_ms=3000"];
    let run = waiting(&home, "options-of-the-call", &more);
    home.run(["flow-run", "pause", &run]).ok();
    assert_eq!(state(&home, &run), "PAUSED");
    home.run(["flow-run", "resume", &run]).ok();
    wait_until(&home, &run, "COMPLETED");
    each_attempt_began_once(&the_task(&home, &run), 2, 3000);
}

#[test]
fn the_next_attempt_of_the_flow_keeps_what_a_retry_gave() {
    let home = retries();
    let _worker = worker(&home, &["--park", "0s"]);
    assert_eq!(
        watch(&home, "both", &["-p", "delay_ms=50"]).ok().stdout,
        "2\n"
    );
    let run = &flow_runs(&home, &[])[0];
    assert_eq!(run["attempt"], 2);
    each_attempt_began_once(&the_task(&home, text(&run["id"])), 2, 50);
}

#[test]
fn a_worker_that_is_told_to_stop_does_not_wait_for_a_retry() {
    let home = retries();
    let worker = worker(&home, &["--park", "1h"]);
    let run = waiting_forever(&home);
    worker.sigint();
    assert_eq!(worker.wait(), 0);
    assert_eq!(state(&home, &run), "WAITING");
    assert_eq!(the_task(&home, &run)["attempt"], 1);
}

#[test]
fn a_run_in_the_foreground_waits_for_its_retries() {
    let home = retries();
    let more = ["-p", "failures=2", "-p", "retries=2", "-p", "delay_ms=50"];
    let ran = home.run(["run", "options-of-the-call"].iter().chain(&more));
    assert_eq!(ran.ok().stdout, "3\n");
    eventually(SOON, || {
        flow_runs(&home, &["--state", "COMPLETED"]).len() == 1
    });
    let run = &flow_runs(&home, &[])[0];
    each_attempt_began_once(&the_task(&home, text(&run["id"])), 3, 50);
}

/// People see how often it was tried, why not with success, and of which task that is true.
#[test]
fn people_are_shown_the_attempt_and_which_task_failed() {
    let home = retries();
    let worker = worker(&home, &[]);
    let run = waiting_forever(&home);
    let shown = home.run(["flow-run", "ls"]).ok().stdout;
    assert!(shown.contains("waits for task `flaky-0`"), "{shown}");
    for command in [&["flow-run", "inspect", &run][..], &["task-run", "ls"]] {
        let shown = home.run(command).ok().stdout;
        let line = shown.lines().find(|line| line.starts_with("flaky-0"));
        let words: Vec<&str> = line.expect("its line").split_whitespace().collect();
        assert_eq!(words[..3], ["flaky-0", "AwaitingRetry", "1"], "{shown}");
        let why = "attempt 1 was to fail (attempt 1; tried again after 1h)";
        assert!(words.join(" ").contains(why), "{shown}");
    }
    drop(worker);
}
