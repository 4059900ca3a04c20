//! Machines are upgraded one after the other, and nothing stops.
//!
//! `ORCH_HOST_BEFORE` names a program of the version before. Without it there is nothing to tell.

use std::io::Write as _;

use serde_json::Value;
use test_support::{Home, Worker, eventually};

use super::super::load::{Load, deploy_all};
use super::super::{SOON, list, worker};
use super::{hasty, held, machine_at};

const BEFORE: &str = "ORCH_HOST_BEFORE";

/// Whether it has ended a run.
fn has_ended_some(worker: &Worker) -> bool {
    worker.stderr().contains("completed")
}

#[test]
fn programs_of_the_version_before_and_of_this_one_work_together() {
    let Some(before) = std::env::var_os(BEFORE) else {
        let _ = writeln!(
            std::io::stderr(),
            "not told: a rolling upgrade; {BEFORE} names a program of the version before"
        );
        return;
    };
    let Some(database) = test_support::database() else {
        return;
    };
    let old = Home::new(before).with_database(database.url());
    let new = machine_at(&database.url());
    let mut load = Load::default();
    deploy_all(&old);
    let old_worker = worker(&old, &["--lease", "3s", "--park", "30ms", "--limit", "16"]);
    load.more(&old);

    // The first new program that connects changes the tables.
    load.more(&new);
    let new_worker = hasty(&new);
    let versions = || -> Vec<Value> {
        let workers = list(&new, &["worker", "ls"]);
        workers.iter().map(|it| it["version"].clone()).collect()
    };
    assert_eq!(versions().len(), 2);
    assert_eq!(versions()[1], env!("CARGO_PKG_VERSION"));
    // Runs of both, which both execute: what one has begun, the other may go on with.
    eventually(SOON, || {
        load.more(&new);
        has_ended_some(&old_worker) && has_ended_some(&new_worker)
    });
    // A program of the version before starts, too, unless it cannot tell that it may.
    let ran = old.run(["deployment", "ls"]);
    assert!(
        ran.code == 0 || (ran.code == 2 && ran.stderr.contains("newer version")),
        "{ran}"
    );
    // What the old one leaves is done by the new one.
    load.more(&new);
    old_worker.sigkill();
    load.has_ended_well(&new, SOON);
    assert_eq!(held(&database), "0");
    eventually(SOON, || versions().len() == 1);
}
