//! Cancelling: wherever a run is, it ends, and what it started ends with it.

use test_support::eventually;

use super::{
    SOON, deploy, everything, flow_runs, home, inspect, start, state, steady, text, wait_until,
    watch, worker,
};

#[test]
fn a_run_that_has_not_begun_ends_at_once() {
    let home = home();
    deploy(&home, "bench", &[]);
    let run = start(&home, "empty", &[]);
    home.run(["flow-run", "cancel", &run]).ok();
    assert_eq!(state(&home, &run), "CANCELLED");
    // Nobody executes it then.
    let _worker = worker(&home, &[]);
    watch(&home, "empty", &[]).ok();
    assert_eq!(state(&home, &run), "CANCELLED");
}

#[test]
fn a_run_that_is_under_way_is_told() {
    let home = home();
    deploy(&home, "bench", &[]);
    deploy(&home, "mischief", &["--flow", "flow-loop"]);
    let worker = worker(&home, &["--compute-limit", "1h"]);
    // One waits, one has a task, and one computes and never listens.
    let forever = &["-p", "ms=3600000"];
    let waiting = start(&home, "sleeper", forever);
    wait_until(&home, &waiting, "WAITING");
    let working = start(&home, "working", forever);
    wait_until(&home, &working, "RUNNING");
    let looping = start(&home, "flow-loop", &[]);
    let executing = format!("executing run={looping}");
    eventually(SOON, || worker.stderr().contains(&executing));

    for run in [&waiting, &working, &looping] {
        home.run(["flow-run", "cancel", run]).ok();
    }
    for run in [&waiting, &working, &looping] {
        wait_until(&home, run, "CANCELLED");
        // Whoever watches a run learns of it by the exit code.
        home.run(["flow-run", "watch", run]).fails(1);
    }
    watch(&home, "three-tasks", &[]).ok();
}

#[test]
fn a_worker_with_no_slot_left_still_listens() {
    let home = home();
    deploy(&home, "bench", &[]);
    let _worker = worker(&home, &["--limit", "1"]);
    let working = start(&home, "working", &["-p", "ms=3600000"]);
    wait_until(&home, &working, "RUNNING");
    home.run(["flow-run", "cancel", &working]).ok();
    wait_until(&home, &working, "CANCELLED");
}

#[test]
fn children_are_cancelled_with_their_parent() {
    let home = home();
    deploy(&home, "nesting", &[]);
    deploy(&home, "forms", &["--flow", "runs-and-waits"]);
    home.run(["work-pool", "create", "far"]).ok();
    deploy(&home, "forms", &["--flow", "echo", "--pool", "far"]);
    let _worker = worker(&home, &[]);
    let parent = start(&home, "runs-and-waits", &[]);
    wait_until(&home, &parent, "WAITING");
    home.run(["flow-run", "cancel", &parent]).ok();
    wait_until(&home, &parent, "CANCELLED");
    eventually(SOON, || {
        flow_runs(&home, &["--state", "CANCELLED"]).len() == 2
    });
}

#[test]
fn what_is_over_cannot_be_cancelled() {
    let home = home();
    deploy(&home, "bench", &[]);
    let run = start(&home, "empty", &[]);
    let worker = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    drop(worker);
    let _steady = steady(&home);
    // The last is the list of workers, of which one is just being missed.
    let before = &everything(&home)[..5];
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "cancel", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is over: it is Completed
    hint: only a run that has not ended can be cancelled
    ");
    assert_eq!(&everything(&home)[..5], before);
}

/// They go on, as in Prefect: the next attempt takes their results. A person may end them through
/// the run that has failed.
#[test]
fn the_children_of_a_failed_run_go_on_until_that_is_cancelled() {
    let home = home();
    deploy(&home, "retries", &[]);
    let _worker = worker(&home, &[]);
    let parent = start(&home, "fails-before-its-child", &[]);
    wait_until(&home, &parent, "FAILED");
    let children = || flow_runs(&home, &["--flow", "takes-a-while"]);
    let child = text(&children()[0]["id"]).to_owned();
    wait_until(&home, &child, "WAITING");
    // The next attempt has the same child.
    home.run(["flow-run", "retry", &parent, "--watch"]).fails(1);
    assert_eq!(children().len(), 1);

    let name = text(&inspect(&home, &parent)["name"]).to_owned();
    let cancelled = home.run(["flow-run", "cancel", &parent]).ok();
    let expect = format!(
        "Flow run '{name}' is over: it is Failed. \
         Runs that it started and that go on are cancelled\n"
    );
    assert_eq!(cancelled.stderr, expect);
    wait_until(&home, &child, "CANCELLED");
    assert_eq!(state(&home, &parent), "FAILED");
    let again = home.run(["flow-run", "cancel", &parent]).fails(2);
    assert!(again.stderr.contains("is over: it is Failed"), "{again}");
}
