//! What goes wrong with a PostgreSQL server, or with a machine that uses it: each story has a server
//! of its own.

mod clocks;
mod failover;
mod frozen;
mod refusing;
mod storm;
mod upgrade;

use test_support::{Database, Home, Worker};

use super::own_home;

/// A machine that finds the database at this address.
fn machine_at(url: &str) -> Home {
    own_home().with_database(url)
}

/// A worker that others need not wait for long when it is gone.
fn hasty(home: &Home) -> Worker {
    super::worker(home, &["--lease", "3s", "--park", "30ms", "--limit", "16"])
}

/// Runs that hold a slot.
fn held(database: &Database) -> String {
    let held = "SELECT count(*) FROM orch_host.flow_runs WHERE worker IS NOT NULL";
    database.sql(held).trim().to_owned()
}

/// How often a worker has said that it does nothing, for the database is not available.
fn times_away(worker: &Worker) -> usize {
    let said = worker.stderr();
    said.matches("executes nothing until that has passed")
        .count()
}
