//! The program as its users meet it: the real binary, real components, a real database.
//!
//! Each module is a chapter. A story gets a home of its own, so stories can run at once.

mod chaos;
mod example;
mod floors;
mod forms;
mod grants;
mod mischief;
mod pools;
mod survival;

use test_support::{Home, Ran, guest};

/// A home for one story.
fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_orch-host"))
}

/// Deploys a component of the tests or the examples.
fn deploy(home: &Home, component: &str, more: &[&str]) -> Ran {
    let path = guest(component).display().to_string();
    let mut args = vec!["deploy", &path];
    args.extend(more);
    home.run(args).ok()
}

/// Starts a worker on the default pool and waits until it listens.
fn worker(home: &Home, more: &[&str]) -> test_support::Worker {
    let mut args = vec!["--pool", "default-pool"];
    args.extend(more);
    home.worker(args).wait_until_ready()
}

/// The flow runs, newest first.
fn flow_runs(home: &Home, more: &[&str]) -> Vec<serde_json::Value> {
    let mut args = vec!["flow-run", "ls", "--limit", "0", "-o", "json"];
    args.extend(more);
    match home.run(args).ok().json() {
        serde_json::Value::Array(runs) => runs,
        other => panic!("`flow-run ls -o json` is not a list: {other}"),
    }
}
