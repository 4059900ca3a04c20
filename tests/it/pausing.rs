//! Pausing a run: it keeps its results, holds no slot, and goes on when it is resumed.

use super::{deploy, home, json, start, state, steady, wait_until, worker};

#[test]
fn a_run_that_has_not_begun_waits_until_it_is_resumed() {
    let home = home();
    deploy(&home, "bench", &[]);
    let paused = start(&home, "empty", &[]);
    home.run(["flow-run", "pause", &paused]).ok();
    assert_eq!(state(&home, &paused), "PAUSED");
    let _worker = worker(&home, &[]);
    // What came later is executed, and this is not.
    let later = start(&home, "empty", &[]);
    wait_until(&home, &later, "COMPLETED");
    assert_eq!(state(&home, &paused), "PAUSED");
    home.run(["flow-run", "resume", &paused]).ok();
    wait_until(&home, &paused, "COMPLETED");
}

/// The child ends while its parent is paused; once resumed, the parent finds the result.
#[test]
fn what_is_waited_for_may_end_meanwhile() {
    let home = home();
    home.run(["work-pool", "create", "far"]).ok();
    deploy(&home, "forms", &["--flow", "runs-and-waits"]);
    deploy(&home, "forms", &["--flow", "echo", "--pool", "far"]);
    let _worker = worker(&home, &[]);
    let parent = start(&home, "runs-and-waits", &[]);
    wait_until(&home, &parent, "WAITING");
    home.run(["flow-run", "pause", &parent]).ok();
    wait_until(&home, &parent, "PAUSED");

    let _far = home.worker(["--pool", "far"]).wait_until_ready();
    test_support::eventually(super::SOON, || {
        super::flow_runs(&home, &["--flow", "echo", "--state", "COMPLETED"]).len() == 1
    });
    assert_eq!(state(&home, &parent), "PAUSED");
    let pool = json(&home, &["work-pool", "inspect", "default-pool"]);
    assert_eq!(pool["active"], 0, "a paused run holds no slot");
    home.run(["flow-run", "resume", &parent]).ok();
    wait_until(&home, &parent, "COMPLETED");
}

#[test]
fn what_is_over_can_be_neither_paused_nor_resumed() {
    let home = home();
    deploy(&home, "bench", &[]);
    let run = start(&home, "empty", &[]);
    let _steady = steady(&home);
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is not paused: it is Scheduled
    hint: only a paused run can be resumed
    ");
    let worker = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "pause", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is over: it is Completed
    hint: `orch-host flow-run retry [ID]` opens a new attempt
    ");
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is not paused: it is Completed
    hint: only a paused run can be resumed
    ");
    drop(worker);
}

/// It is told that it is so already, and what can be done instead.
#[test]
fn what_is_paused_or_being_cancelled_is_not_paused_again() {
    let home = home();
    deploy(&home, "bench", &[]);
    let run = start(&home, "sleeper", &["-p", "ms=3600000"]);
    home.run(["flow-run", "pause", &run]).ok();
    let _steady = steady(&home);
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "pause", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is paused already
    hint: `orch-host flow-run resume [ID]` lets it go on
    ");
    home.run(["flow-run", "resume", &run]).ok();
    let worker = worker(&home, &[]);
    wait_until(&home, &run, "WAITING");
    // Nobody is there to tell it.
    worker.sigint();
    worker.wait();
    home.run(["flow-run", "cancel", &run]).ok();
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "pause", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is being cancelled
    hint: it ends once it has cleaned up: wait until it is Cancelled
    ");
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "retry", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' is being cancelled
    hint: it ends once it has cleaned up: wait until it is Cancelled
    ");
}

/// What a flow may take is counted while it goes on, waiting included, and not while a person has
/// stopped it.
#[test]
fn a_pause_is_no_part_of_a_timeout() {
    let home = home();
    deploy(&home, "retries", &[]);
    let _worker = worker(&home, &["--park", "0s"]);
    let run = start(&home, "sleeps-in-its-time", &[]);
    wait_until(&home, &run, "WAITING");
    home.run(["flow-run", "pause", &run]).ok();
    wait_until(&home, &run, "PAUSED");
    // Longer than its timeout of three seconds.
    std::thread::sleep(std::time::Duration::from_secs(4));
    home.run(["flow-run", "resume", &run]).ok();
    wait_until(&home, &run, "COMPLETED");
}
