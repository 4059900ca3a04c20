//! Tasks that fail at first: how often they are tried, how long apart, and what ends it.

use std::time::Duration;

use serde_json::Value;
use test_support::{Home, Worker};

use super::{deploy, flow_runs, home, task_runs, text, watch, worker};

fn retries() -> (Home, Worker) {
    let home = home();
    deploy(&home, "retries", &[]);
    let worker = worker(&home, &[]);
    (home, worker)
}

/// Runs a flow of one task. Gives how it ended (its result, or why it failed) and its task.
#[track_caller]
fn run(home: &Home, flow: &str, more: &[&str]) -> (String, Value) {
    let ran = watch(home, flow, more);
    let run = &flow_runs(home, &["--flow", flow])[0];
    let tasks = task_runs(home, text(&run["id"]));
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let ended = match &run["failure"]["message"] {
        Value::Null => ran.ok().stdout.trim().to_owned(),
        message => {
            let ran = ran.fails(1);
            assert!(ran.stderr.contains(text(message)), "{ran}");
            text(message).to_owned()
        }
    };
    (ended, tasks[0].clone())
}

#[track_caller]
fn check(home: &Home, flow: &str, more: &[&str], expect: &str, attempts: u64) {
    let (ended, task) = run(home, flow, more);
    assert_eq!(ended, expect, "{flow}");
    assert_eq!(task["attempt"], attempts, "{flow}");
}

#[test]
fn a_task_is_tried_as_often_as_it_says() {
    let (home, _worker) = retries();
    check(&home, "flaky-task", &["-p", "failures=0"], "1", 1);
    check(&home, "flaky-task", &["-p", "failures=5"], "6", 6);
    check(
        &home,
        "flaky-task",
        &["-p", "failures=6"],
        "task `flaky-0` failed after 6 attempts: attempt 6 was to fail",
        6,
    );
    check(&home, "panicking-task", &[], "2", 2);
}

#[test]
fn the_call_goes_over_what_the_task_says() {
    let (home, _worker) = retries();
    let run = |failures: &str, expect: &str| {
        let failures = format!("failures={failures}");
        let more = ["-p", &failures, "-p", "retries=1", "-p", "delay_ms=5"];
        check(&home, "options-of-the-call", &more, expect, 2);
    };
    run("1", "2");
    let failed = "task `flaky-0` failed after 2 attempts: attempt 2 was to fail";
    run("2", failed);
}

#[test]
fn an_error_may_say_that_trying_again_is_no_use() {
    let (home, _worker) = retries();
    let failed = "task `hopeless-0` failed: hopeless at attempt 1";
    check(&home, "permanent", &[], failed, 1);
    let failed = "task `choosy-0` failed after 2 attempts: a lasting trouble at attempt 2";
    check(&home, "retry-if", &[], failed, 2);
}

#[test]
fn an_attempt_that_takes_too_long_is_ended_and_tried_again() {
    let (home, _worker) = retries();
    check(&home, "slow-task", &["-p", "slow_attempts=1"], "2", 2);
    let late =
        "task `slow-0` failed after 3 attempts: the attempt took longer than its timeout of 100ms";
    check(&home, "slow-task", &["-p", "slow_attempts=3"], late, 3);
    // Even one that never calls its host.
    check(&home, "spinning-task", &["-p", "slow_attempts=1"], "2", 2);
}

/// The times between the end of an attempt and the start of the next.
fn waits(task: &Value) -> Vec<Duration> {
    let history = task["history"].as_array().unwrap();
    let at = |state: &Value| text(&state["at"]).parse::<jiff::Timestamp>().unwrap();
    history
        .windows(2)
        .filter(|pair| pair[0]["name"] == "AwaitingRetry")
        .map(|pair| at(&pair[1]).duration_since(at(&pair[0])).unsigned_abs())
        .collect()
}

#[track_caller]
fn at_least(waits: &[Duration], expect_ms: &[u64]) {
    assert_eq!(waits.len(), expect_ms.len(), "{waits:?}");
    for (wait, expect) in waits.iter().zip(expect_ms) {
        assert!(*wait >= Duration::from_millis(*expect), "{waits:?}");
    }
}

#[test]
fn delays_are_waited_for_one_after_the_other() {
    let (home, _worker) = retries();
    let (ended, task) = run(&home, "listed-delays", &["-p", "failures=3"]);
    assert_eq!(ended, "4");
    at_least(&waits(&task), &[10, 20, 40]);
    let (ended, _) = run(&home, "listed-delays", &["-p", "failures=4"]);
    let failed = "task `delayed-0` failed after 4 attempts: attempt 4 was to fail";
    assert_eq!(ended, failed);

    // They double, and jitter adds to them.
    let (ended, task) = run(&home, "exponential-delays", &["-p", "failures=3"]);
    assert_eq!(ended, "4");
    at_least(&waits(&task), &[10, 20, 40]);
}

/// Each attempt is in the history, with why it failed.
#[test]
fn the_history_tells_of_each_attempt() {
    let (home, _worker) = retries();
    let (_, task) = run(&home, "flaky-task", &["-p", "failures=2"]);
    let history = task["history"].as_array().unwrap();
    let names: Vec<&str> = history.iter().map(|state| text(&state["name"])).collect();
    let expect = [
        "Pending",
        "Running",
        "AwaitingRetry",
        "Retrying",
        "AwaitingRetry",
        "Retrying",
        "Completed",
    ];
    assert_eq!(names, expect);
    let why = |at: usize| text(&history[at]["message"]);
    assert_eq!(
        why(2),
        "attempt 1 was to fail (attempt 1; tried again after 0s)"
    );
    assert_eq!(
        why(4),
        "attempt 2 was to fail (attempt 2; tried again after 0s)"
    );
}
