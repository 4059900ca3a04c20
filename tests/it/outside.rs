//! Others can see what a task does outside, so its first call waits until the journal that led to
//! it is on disk. A server checks that: it kills the worker at the moment when a task calls it.

use std::fs;
use std::process::Command;

use test_support::{Home, Worker};

use super::server::Server;
use super::{deploy, home, inspect, json, start, task_runs, text, wait_until, worker};

/// The worker has to be gone before the test reads what it left: nothing is recorded after
/// the call, then.
#[track_caller]
fn calls_nobody_before_its_call_is_recorded(flow: &str) {
    let (server, home) = Server::granted();
    let first = worker(&home, &[]);
    let run = server.ask(&home, flow);
    let call = server.call();
    first.sigkill();
    let journal = json(&home, &["flow-run", "inspect", &run, "--journal"]);
    let tasks = task_runs(&home, &run);
    assert_eq!(tasks.len(), 1, "a call that nobody knows of: {journal}");
    assert_eq!(journal["journal"][0]["seq"], tasks[0]["seq"], "{journal}");
    let before = call.key;

    // It is known to be called, and not how that ended: the same task run calls again.
    let _second = worker(&home, &[]);
    let call = server.call();
    assert_eq!(call.key, before);
    call.answer("hello");
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], "hello");
    assert_eq!(task_runs(&home, &run)[0]["id"], tasks[0]["id"]);
}

#[test]
fn a_task_connects_to_nobody_before_its_call_is_recorded() {
    calls_nobody_before_its_call_is_recorded("ask");
}

#[test]
fn a_task_sends_no_request_before_its_call_is_recorded() {
    calls_nobody_before_its_call_is_recorded("request-once");
}

/// What it writes into a directory, others can see.
#[test]
fn a_task_changes_no_file_before_its_call_is_recorded() {
    let home = home();
    let shared = home.path().join("shared");
    fs::create_dir(&shared).unwrap();
    deploy(
        &home,
        "files",
        &["--dir", &format!("{}:/out", shared.display())],
    );
    let worker = worker(&home, &[]);
    let run = start(&home, "do-it", &["-p", r#"does={"write":["/out/a","b"]}"#]);
    while !shared.join("a").exists() {
        std::hint::spin_loop();
    }
    worker.sigkill();
    let journal = json(&home, &["flow-run", "inspect", &run, "--journal"]);
    assert_eq!(task_runs(&home, &run).len(), 1, "{journal}");
    assert_eq!(journal["journal"][0]["seq"], 1, "{journal}");
}

#[track_caller]
fn calls_nobody_again_before_its_failure_is_recorded(flow: &str) {
    let (server, home) = Server::granted();
    let first = worker(&home, &[]);
    let run = server.ask(&home, flow);
    // No answer is an error, and the second attempt follows at once.
    let before = server.call().key;
    let call = server.call();
    first.sigkill();
    let task = &task_runs(&home, &run)[0];
    let failed = task["history"].as_array().unwrap().iter();
    let failed = failed.filter(|state| state["name"] == "AwaitingRetry");
    assert_eq!(
        failed.count(),
        1,
        "the first attempt is forgotten: {task:#}"
    );
    assert_eq!(call.key, before);

    // So that it has no third: this one is its last.
    let _second = worker(&home, &[]);
    assert_eq!(server.call().key, before);
    wait_until(&home, &run, "FAILED");
    assert_eq!(task_runs(&home, &run)[0]["attempt"], 2);
}

#[test]
fn a_task_connects_to_nobody_again_before_its_failure_is_recorded() {
    calls_nobody_again_before_its_failure_is_recorded("ask-again");
}

#[test]
fn a_task_sends_no_request_again_before_its_failure_is_recorded() {
    calls_nobody_again_before_its_failure_is_recorded("request-again");
}

/// A process as the kernel sees it, where that may be looked at. `None` with a reason.
fn traced(home: &Home, calls: &str, args: &[&str]) -> Option<Command> {
    let probe = Command::new("strace")
        .args(["-e", "trace=none", "true"])
        .output();
    match probe {
        Ok(probe) if probe.status.success() => {}
        probe => {
            eprintln!("skipped, because `strace` does not work here: {probe:?}");
            return None;
        }
    }
    let program = home.cmd(args);
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-s", "64", "-o"])
        .arg(trace(home))
        .args(["-e", &format!("trace={calls}"), "--"])
        .arg(program.get_program())
        .args(args)
        .env_clear()
        .current_dir(home.path())
        .stdin(std::process::Stdio::null());
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            strace.env(name, value);
        }
    }
    Some(strace)
}

fn trace(home: &Home) -> std::path::PathBuf {
    home.path().join("trace")
}

/// Between the last write to the log of the database and the line that `leaves`, the log was
/// synced: only then a power failure cannot take what was told.
#[track_caller]
fn synced_before(trace: &str, leaves: impl Fn(&str) -> bool) {
    let lines: Vec<&str> = trace.lines().collect();
    let left = lines.iter().position(|line| leaves(line));
    let left = left.unwrap_or_else(|| panic!("nothing left the process:\n{trace}"));
    let log = |line: &&str| line.contains("orch.db-wal");
    let wrote = lines[..left]
        .iter()
        .rposition(|line| line.contains("pwrite64(") && log(line));
    let wrote = wrote.unwrap_or_else(|| panic!("nothing was written:\n{trace}"));
    let synced = lines[wrote..left]
        .iter()
        .any(|line| line.contains("sync(") && log(line));
    assert!(synced, "no sync between {wrote} and {left}:\n{trace}");
}

#[test]
fn an_id_is_printed_after_the_sync_of_its_run() {
    let home = home();
    deploy(&home, "bench", &[]);
    let args = ["deployment", "run", "three-tasks", "--quiet"];
    let Some(mut command) = traced(&home, "pwrite64,fsync,fdatasync,write", &args) else {
        return;
    };
    let out = command.output().unwrap();
    let id = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && id.len() > 30, "{id}");
    let trace = fs::read_to_string(trace(&home)).unwrap();
    synced_before(&trace, |line| line.contains(&format!("\"{}", id.trim())));
}

#[test]
fn a_task_calls_after_the_sync_of_its_call() {
    let (server, home) = Server::granted();
    let run = server.ask(&home, "ask");
    // With its own runner, so that it ends by itself.
    let args = ["worker", "--quiet"];
    let Some(command) = traced(&home, "pwrite64,fsync,fdatasync,connect", &args) else {
        return;
    };
    let traced = Worker::of(command);
    server.call().answer("hello");
    wait_until(&home, &run, "COMPLETED");
    traced.sigkill();
    let trace = fs::read_to_string(trace(&home)).unwrap();
    synced_before(&trace, |line| {
        line.contains("connect(") && line.contains("AF_INET")
    });
    assert_eq!(text(&inspect(&home, &run)["result"]), "hello");
}
