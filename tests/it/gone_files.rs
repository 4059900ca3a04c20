//! The files of a SQLite database are deleted, replaced or cut short while a worker uses them: it
//! says so, and nobody is told of anything that may be lost.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;

use test_support::{Home, Worker, eventually};

use super::{SOON, deploy, home, postgres, start, state, wait_until, worker};

/// A home with a worker that is busy with a run. None where another database is meant.
fn busy() -> Option<(Home, Worker, String)> {
    if postgres::is_meant() {
        return None;
    }
    let home = home();
    deploy(&home, "bench", &[]);
    let worker = worker(&home, &["--lease", "2s"]);
    let run = start(&home, "working", &["-p", "ms=2000"]);
    wait_until(&home, &run, "RUNNING");
    Some((home, worker, run))
}

fn file(home: &Home, end: &str) -> PathBuf {
    home.path().join(format!("orch.db{end}"))
}

fn says(worker: &Worker, what: &str) {
    eventually(SOON, || worker.stderr().contains(what));
}

#[test]
fn a_database_that_was_moved_is_missed_until_it_is_back() {
    let Some((home, worker, run)) = busy() else {
        return;
    };
    let (database, aside) = (file(&home, ""), home.path().join("aside"));
    fs::rename(&database, &aside).unwrap();
    says(&worker, "orch.db`, which is in use, was deleted or moved");
    says(&worker, "hint=");

    // Nobody makes another one beside it.
    let refused = home.run(["flow-run", "ls"]).fails(70);
    assert!(refused.stderr.contains("was deleted or moved"), "{refused}");
    assert!(refused.stderr.contains("hint: put it back"), "{refused}");
    assert!(!database.exists());

    fs::rename(&aside, &database).unwrap();
    says(&worker, "the database is available again");
    wait_until(&home, &run, "COMPLETED");
    let said = worker.stderr();
    assert_eq!(said.matches("ERROR").count(), 1, "{said}");
}

#[test]
fn a_run_is_not_completed_in_a_database_that_was_deleted() {
    let Some((home, worker, _)) = busy() else {
        return;
    };
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(file(&home, end)).unwrap();
    }
    says(&worker, "orch.db`, which is in use, was deleted or moved");
    assert!(
        !worker.stderr().contains("completed"),
        "{}",
        worker.stderr()
    );
    worker.sigint();
    assert_eq!(worker.wait(), 70);
    // Once nobody uses it any more, a new one may be made.
    home.run(["flow-run", "ls"]).ok();
}

#[test]
fn a_worker_ends_when_another_database_is_in_the_place_of_its_own() {
    let Some((home, worker, run)) = busy() else {
        return;
    };
    let copy = home.path().join("copy");
    fs::copy(file(&home, ""), &copy).unwrap();
    fs::rename(&copy, file(&home, "")).unwrap();
    says(&worker, "was replaced by another file or cut short");
    says(&worker, "hint: stop the workers and servers that use it");
    assert!(
        !worker.stderr().contains("completed"),
        "{}",
        worker.stderr()
    );
    assert_eq!(worker.wait(), 70);
    drop(run);
}

#[test]
fn a_database_that_was_cut_short_is_an_error_and_not_the_end_of_the_process() {
    let Some((home, worker, _)) = busy() else {
        return;
    };
    // All that is in the log goes into the file, which is all the larger then.
    let conn = rusqlite::Connection::open(file(&home, "")).unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
    conn.query_row(checkpoint, [], |_| Ok(())).unwrap();
    let database = OpenOptions::new().write(true).open(file(&home, ""));
    database.unwrap().set_len(8192).unwrap();
    // An exit code, and no signal.
    assert_eq!(worker.wait(), 70);
}

#[test]
fn the_log_of_a_database_is_missed_too() {
    let Some((home, worker, run)) = busy() else {
        return;
    };
    let (log, aside) = (file(&home, "-wal"), home.path().join("aside"));
    fs::rename(&log, &aside).unwrap();
    says(
        &worker,
        "orch.db-wal`, which is in use, was deleted or moved",
    );
    fs::rename(&aside, &log).unwrap();
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(state(&home, &run), "COMPLETED");
}
