//! Runs go on after workers were killed or stopped: the README's table of what survives what.

use std::time::Duration;

use test_support::eventually;

use super::server::Server;
use super::{SOON, deploy, flow_runs, home, inspect, start, text, wait_until, worker};

#[test]
fn a_flow_that_waits_survives_the_end_of_its_worker() {
    let home = home();
    deploy(&home, "bench", &[]);
    let first = worker(&home, &["--park", "10ms"]);
    home.run([
        "deployment",
        "run",
        "sleeper/sleeper-deployment",
        "-p",
        "ms=4000",
    ])
    .ok();
    let state = |name: &str| {
        let runs = flow_runs(&home, &[]);
        runs.iter().all(|run| run["state"]["type"] == name)
    };
    eventually(Duration::from_secs(20), || state("WAITING"));
    first.sigkill();
    let _second = worker(&home, &[]);
    eventually(Duration::from_secs(20), || state("COMPLETED"));
}

/// The first worker has its task's answer, and nobody wants it any more.
#[test]
fn a_worker_that_hung_has_no_say_when_it_wakes_up() {
    let (server, home) = Server::granted();
    let first = worker(&home, &["--lease", "1s"]);
    let run = server.ask(&home, "ask");
    let early = server.call();
    first.sigstop();
    let second = worker(&home, &[]);
    let late = server.call();
    assert_eq!(early.key, late.key, "the same task run, once more");

    early.answer("too early");
    first.sigcont();
    eventually(SOON, || first.stderr().contains("has begun anew"));
    assert!(inspect(&home, &run)["ended"].is_null());
    late.answer("in time");
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], "in time");

    // As good as new.
    second.sigkill();
    let run = server.ask(&home, "ask");
    server.call().answer("again");
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], "again");
}

/// Two components have a flow of the same name, and they are not alike.
#[test]
fn a_run_stays_with_the_component_that_it_was_created_with() {
    let home = home();
    deploy(&home, "bench", &[]);
    let run = start(&home, "map", &["-p", "n=4"]);
    let before = inspect(&home, &run)["component"].clone();
    deploy(&home, "forms", &[]);
    let after = start(&home, "map", &[]);
    assert_ne!(inspect(&home, &after)["component"], before);

    let _worker = worker(&home, &[]);
    wait_until(&home, &run, "COMPLETED");
    wait_until(&home, &after, "COMPLETED");
    let ran = inspect(&home, &run);
    assert_eq!(ran["result"], 10, "{ran}");
    assert_eq!(ran["component"], before);
}

/// The flow cannot do so by itself: somebody has changed what it once asked for.
#[test]
fn a_flow_that_asks_for_something_else_than_its_journal_holds_fails() {
    let home = home();
    deploy(&home, "bench", &[]);
    let first = worker(&home, &["--park", "0s"]);
    let run = start(&home, "sleeper", &["-p", "ms=1234"]);
    wait_until(&home, &run, "WAITING");
    first.sigkill();
    let database = rusqlite::Connection::open(home.path().join("orch.db")).unwrap();
    let changed = database
        .execute(
            "UPDATE journal SET call = replace(call, '1234', '4321')",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(database);
    let _second = worker(&home, &[]);
    wait_until(&home, &run, "FAILED");
    let run = inspect(&home, &run);
    let message = text(&run["failure"]["message"]);
    assert!(
        message.starts_with("replay diverged at call 1: "),
        "{message}"
    );
    for part in ["the journal holds", "4321 ms", "asked for", "1234 ms"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}
