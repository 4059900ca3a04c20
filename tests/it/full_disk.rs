//! A disk that is full, and has space again: nothing that was acknowledged is lost, and
//! everything says what is wrong.

use std::process::Command;

use insta_cmd::assert_cmd_snapshot;
use test_support::{Home, SmallDisk, eventually, guest};

use super::{
    SOON, deploy, flow_runs, inspect, list, start, state, steady, task_runs, text, wait_until,
    watch, worker,
};

/// A home with deployments on a disk of its own. None where there can be none.
fn small() -> Option<(Home, SmallDisk)> {
    let (home, disk) = SmallDisk::home(env!("CARGO_BIN_EXE_orch-host"), 32)?;
    deploy(&home, "bench", &[]);
    Some((home, disk))
}

/// Every kind of run, so that the disk fills with tasks executing, timers and children.
const RUNS: [(&str, &[&str]); 4] = [
    ("working", &["-p", "ms=1500"]),
    ("sleeper", &["-p", "ms=1500"]),
    ("serial", &["-p", "n=2000"]),
    ("fan-out", &["-p", "n=20"]),
];

#[test]
fn a_worker_waits_for_space_and_goes_on_by_itself() {
    let Some((home, disk)) = small() else { return };
    let worker = worker(&home, &["--name", "patient"]);
    let pid = worker.pid();
    let runs: Vec<String> = RUNS
        .iter()
        .cycle()
        .take(12)
        .map(|(flow, more)| start(&home, flow, more))
        .collect();
    disk.fill();
    // Only once, however long it lasts; a write is enough, and the timers are one.
    let says = "executes nothing until that has passed";
    eventually(SOON, || worker.stderr().contains(says));
    let said = worker.stderr();
    let line = said.lines().find(|line| line.contains(says)).unwrap();
    let database = home.path().join("orch.db").display().to_string();
    for part in [&database, "database or disk is full", "hint=\"free space"] {
        assert!(line.contains(part), "{part:?} in {line}");
    }
    // What can be read still is, and nothing has failed for it.
    for run in flow_runs(&home, &[]) {
        assert!(run["failure"].is_null(), "{run}");
    }

    disk.free();
    eventually(SOON, || worker.stderr().contains("available again"));
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
        // Given back by the worker itself, and so no reason to suspect the run.
        let history = inspect(&home, run)["history"].to_string();
        assert!(!history.contains("was lost"), "{history}");
    }
    let children = flow_runs(&home, &["--flow", "empty"]);
    assert_eq!(children.len(), 3 * 20, "no child was made twice");
    let serial = runs.iter().skip(2).step_by(4);
    for run in serial {
        let tasks = task_runs(&home, run);
        assert_eq!(tasks.len(), 2000, "no task was called twice");
    }
    watch(&home, "three-tasks", &[]).ok();
    assert_eq!(worker.pid(), pid);
    // Once each time: the database itself may free a little and use it up again.
    let said = |words: &str| worker.stderr().matches(words).count();
    assert_eq!(said(says), said("available again"));
    worker.sigint();
    assert_eq!(worker.wait(), 0);
}

/// Each of these has to write before it may say that it did anything. What they would compile
/// is compiled already.
fn writers(home: &Home) -> [Command; 4] {
    let nesting = guest("nesting").display().to_string();
    [
        home.cmd(["deployment", "run", "three-tasks"]),
        home.cmd(["run", "three-tasks"]),
        home.cmd(["deploy", &nesting]),
        home.cmd(["worker"]),
    ]
}

#[track_caller]
fn holds(home: &Home, deployments: usize, runs: usize) {
    assert_eq!(list(home, &["deployment", "ls"]).len(), deployments);
    assert_eq!(flow_runs(home, &[]).len(), runs);
}

#[test]
fn a_command_that_cannot_write_says_so_and_leaves_nothing() {
    let Some((home, disk)) = small() else { return };
    home.run(["component", "inspect", guest("nesting").to_str().unwrap()])
        .ok();
    let deployments = list(&home, &["deployment", "ls"]).len();
    let _steady = steady(&home);
    disk.fill();
    // With nobody else at work, it cannot even be opened: that takes a file beside it.
    insta::allow_duplicates!(for mut command in writers(&home) {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 70
        ----- stdout -----

        ----- stderr -----
        error: the database is not available: `[HOME]/orch.db`: disk I/O error
        hint: free space on its disk, or end what else holds the database; then try again
        ");
    });
    disk.free();
    holds(&home, deployments, 0);

    let _worker = worker(&home, &[]);
    disk.fill();
    insta::allow_duplicates!(for mut command in writers(&home) {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 70
        ----- stdout -----

        ----- stderr -----
        error: the database is not available: `[HOME]/orch.db`: database or disk is full
        hint: free space on its disk, or end what else holds the database; then try again
        ");
    });
    holds(&home, deployments, 0);
    disk.free();
    for mut command in writers(&home).into_iter().take(3) {
        assert!(command.output().unwrap().status.success());
    }
    holds(&home, deployments + 1, 2);
}

#[test]
fn a_run_of_a_command_that_finds_no_space_is_left_to_a_worker() {
    let Some((home, disk)) = small() else { return };
    let running = home.start(["run", "working", "-p", "ms=1000"]);
    eventually(SOON, || {
        flow_runs(&home, &["--state", "RUNNING"]).len() == 1
    });
    disk.fill();
    let said = running.stderr();
    assert!(said.contains("Flow run '"), "{said}");
    assert_eq!(running.wait(), 70);
    disk.free();
    let run = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    assert_eq!(state(&home, &run), "RUNNING");
    let _worker = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
}
