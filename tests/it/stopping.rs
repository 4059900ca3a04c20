//! How a worker stops: the first Ctrl-C lets it finish what it executes, the second does not
//! wait for that. Nothing is lost either way.

use test_support::{Home, Server, eventually};

use super::{SOON, deploy, home, start, state, wait_until, watch, worker};

/// A home with a flow that waits for a child in a pool where nobody works.
fn with_a_waiting_flow() -> (Home, String) {
    let home = home();
    home.run(["work-pool", "create", "far"]).ok();
    deploy(&home, "forms", &["--flow", "runs-and-waits"]);
    deploy(&home, "forms", &["--flow", "echo", "--pool", "far"]);
    deploy(&home, "bench", &[]);
    let waiting = start(&home, "runs-and-waits", &[]);
    (home, waiting)
}

#[test]
fn the_first_signal_lets_it_finish_what_it_executes() {
    let (home, waiting) = with_a_waiting_flow();
    let first = worker(&home, &[]);
    wait_until(&home, &waiting, "WAITING");
    let working = start(&home, "working", &["-p", "ms=1500"]);
    wait_until(&home, &working, "RUNNING");

    first.sigint();
    eventually(SOON, || first.stderr().contains("it finishes"));
    // What comes now is for others.
    let later = start(&home, "empty", &[]);
    assert_eq!(first.wait(), 0);
    assert_eq!(state(&home, &working), "COMPLETED");
    assert_eq!(state(&home, &waiting), "WAITING");
    assert_eq!(state(&home, &later), "SCHEDULED");

    let _second = worker(&home, &[]);
    let _far = home.worker(["--pool", "far"]).wait_until_ready();
    wait_until(&home, &waiting, "COMPLETED");
    wait_until(&home, &later, "COMPLETED");
}

#[test]
fn the_second_signal_stops_it_at_once() {
    let home = home();
    deploy(&home, "bench", &[]);
    let first = worker(&home, &[]);
    // Longer than anybody would wait.
    let working = start(&home, "working", &["-p", "ms=3600000"]);
    wait_until(&home, &working, "RUNNING");
    first.sigint();
    eventually(SOON, || first.stderr().contains("it finishes"));
    first.sigint();
    assert_eq!(first.wait(), 0);

    // Its run is there for the next worker at once, not only when a lease ends.
    assert_eq!(state(&home, &working), "SCHEDULED");
    let second = worker(&home, &[]);
    wait_until(&home, &working, "RUNNING");
    watch(&home, "empty", &[]).ok();
    second.sigkill();
}

#[test]
fn a_worker_with_nothing_to_do_stops_at_the_first_signal() {
    let home = home();
    let worker = worker(&home, &[]);
    worker.sigint();
    assert_eq!(worker.wait(), 0);
    assert!(super::list(&home, &["worker", "ls"]).is_empty());
}

#[test]
fn a_server_with_a_worker_stops_in_the_same_two_steps() {
    let home = home();
    deploy(&home, "bench", &[]);
    let server = Server::start(&home, &["--worker"]);
    let working = start(&home, "working", &["-p", "ms=3600000"]);
    wait_until(&home, &working, "RUNNING");
    server.process.sigint();
    eventually(SOON, || server.process.stderr().contains("it finishes"));
    assert_eq!(state(&home, &working), "RUNNING");
    server.process.sigint();
    assert_eq!(server.process.wait(), 0);
    assert_eq!(state(&home, &working), "SCHEDULED");
}
