//! Flows that run again, by policy or because a person retries them: completed results stay.

use std::time::Duration;

use operations::text::took;

use super::{
    deploy, everything, flow_runs, home, inspect, start, state, steady, task_runs, text,
    wait_until, watch, worker,
};

/// The flow's task succeeds before the flow fails: it ran once, and its result is reused.
#[test]
fn a_flow_is_tried_again_without_repeating_its_tasks() {
    let home = home();
    deploy(&home, "retries", &[]);
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "flaky-flow", &["-p", "failures=2"]).ok();
    assert_eq!(ran.stdout, "4\n", "one, and three attempts");
    let run = &flow_runs(&home, &[])[0];
    assert_eq!(run["attempt"], 3);
    let tasks = task_runs(&home, text(&run["id"]));
    let executed = tasks.iter().filter(|task| {
        let mut history = task["history"].as_array().unwrap().iter();
        history.any(|state| state["type"] == "RUNNING")
    });
    assert_eq!(executed.count(), 1, "{tasks:#?}");
}

#[test]
fn a_flow_gives_up_in_the_end() {
    let home = home();
    deploy(&home, "retries", &[]);
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "flaky-flow", &["-p", "failures=4"]).fails(1);
    assert!(
        ran.stderr.contains("attempt 4 of the flow was to fail"),
        "{ran}"
    );
    let ran = watch(&home, "permanent-flow", &[]).fails(1);
    assert!(ran.stderr.contains("this flow gives up"), "{ran}");
    assert_eq!(
        flow_runs(&home, &["--flow", "permanent-flow"])[0]["attempt"],
        1
    );
    let ran = watch(&home, "slow-flow", &[]).fails(1);
    assert!(
        ran.stderr.contains("took longer than its timeout of 200ms"),
        "{ran}"
    );
    let late = &flow_runs(&home, &["--flow", "slow-flow"])[0];
    assert_eq!(late["state"]["name"], "TimedOut");
}

#[test]
fn a_person_may_try_a_failed_run_again() {
    let home = home();
    deploy(&home, "forms", &["--flow", "fails"]);
    let _worker = worker(&home, &[]);
    let run = start(&home, "fails", &[]);
    wait_until(&home, &run, "FAILED");
    home.run(["flow-run", "retry", &run, "--watch"]).fails(1);
    let run = inspect(&home, &run);
    assert_eq!(run["attempt"], 2);
    let names = run["history"].as_array().unwrap().iter();
    let failed = names.filter(|state| state["type"] == "FAILED").count();
    assert_eq!(failed, 2, "{}", run["history"]);
}

/// Each of its attempts takes 200 ms. How long a person waits between them does not count.
#[test]
fn how_long_a_run_took_is_said_of_all_its_attempts() {
    let home = home();
    deploy(&home, "retries", &[]);
    let _worker = worker(&home, &[]);
    watch(&home, "slow-flow", &[]).fails(1);
    let id = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    let ran = home.run(["flow-run", "retry", &id, "--watch"]).fails(1);
    let run = inspect(&home, &id);
    let of_attempts: f64 = run["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["duration_ms"].as_f64().unwrap())
        .sum();
    let in_all = run["duration_ms"].as_f64().unwrap();
    assert!((in_all - of_attempts).abs() < 0.01, "{run}");
    assert!(in_all >= 400.0, "{run}");
    let said = took(Duration::from_secs_f64(in_all / 1000.0));
    let told = format!("timed out after {said} in 2 attempts");
    assert!(ran.stderr.contains(&told), "{told}: {ran}");
    let inspected = home.run(["flow-run", "inspect", &id]).ok().stdout;
    let told = format!("took        {said} in 2 attempts\n");
    assert!(inspected.contains(&told), "{told}: {inspected}");
    let listed = home.run(["flow-run", "ls"]).ok().stdout;
    assert!(listed.contains(&format!(" {said} ")), "{said}: {listed}");
}

#[test]
fn what_is_not_over_cannot_be_tried_again() {
    let home = home();
    deploy(&home, "bench", &[]);
    let run = start(&home, "empty", &[]);
    let _steady = steady(&home);
    let before = everything(&home);
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "retry", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is not over: it is Scheduled
    hint: cancel it first: `orch-host flow-run cancel [ID]`
    ");
    assert_eq!(everything(&home), before);
    assert_eq!(state(&home, &run), "SCHEDULED");
}
