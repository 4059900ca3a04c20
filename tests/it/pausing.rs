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
    error: flow run [ID] is not paused: it is SCHEDULED
    hint: only a paused run can be resumed
    ");
    let worker = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "pause", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run [ID] is over: it is COMPLETED
    hint: `orch-host flow-run retry [ID]` opens a new attempt
    ");
    insta_cmd::assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &run]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run [ID] is not paused: it is COMPLETED
    hint: only a paused run can be resumed
    ");
    drop(worker);
}
