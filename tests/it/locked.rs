//! A database that another program locks for longer than a command or a worker waits.

use insta_cmd::assert_cmd_snapshot;
use test_support::eventually;

use super::{SOON, deploy, flow_runs, home, start, steady, wait_until, worker};

/// Takes as long as a write waits, which is ten seconds.
#[test]
fn a_worker_outlasts_another_program_that_holds_the_database() {
    let home = home();
    deploy(&home, "bench", &[]);
    let worker = worker(&home, &[]);
    let runs = [
        start(&home, "sleeper", &["-p", "ms=10"]),
        start(&home, "working", &["-p", "ms=10"]),
        start(&home, "sleeper", &["-p", "ms=1000"]),
        start(&home, "working", &["-p", "ms=1000"]),
    ];
    let mut other = rusqlite::Connection::open(home.path().join("orch.db")).unwrap();
    let held = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)
        .unwrap();
    let _steady = steady(&home);
    // Whoever only reads is not disturbed.
    assert_eq!(flow_runs(&home, &[]).len(), 4);
    assert_cmd_snapshot!(home.cmd(["deployment", "run", "three-tasks"]), @r"
    success: false
    exit_code: 70
    ----- stdout -----

    ----- stderr -----
    error: the database is not available: `[HOME]/orch.db`: database is locked
    hint: free space on its disk, or end what else holds the database; then try again
    ");
    let says = "executes nothing until that has passed";
    eventually(SOON, || worker.stderr().contains(says));
    assert!(worker.stderr().contains("database is locked"));

    drop(held);
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
    }
    assert_eq!(flow_runs(&home, &[]).len(), 4, "what failed left nothing");
    worker.sigint();
    assert_eq!(worker.wait(), 0);
}
