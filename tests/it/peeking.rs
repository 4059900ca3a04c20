//! Nothing outside is visible to a guest: no files, no network, no environment.

use serde_json::{Map, Value};

use super::{deploy, home, watch, worker};

/// What `flow` saw. Its worker has an environment, arguments, a directory and a network.
fn peek(flow: &str) -> Map<String, Value> {
    let home = home();
    deploy(&home, "mischief", &[]);
    let _worker = worker(&home, &[]);
    let ran = watch(&home, flow, &[]).ok();
    for written in [home.path().join("mischief"), "/tmp/mischief".into()] {
        assert!(!written.exists(), "{} was written", written.display());
    }
    serde_json::from_str(&ran.stdout).unwrap()
}

#[track_caller]
fn check(seen: &Map<String, Value>) {
    assert!(seen.len() >= 12, "{seen:?}");
    for (what, came_of_it) in seen {
        let expect = match what.as_str() {
            // Every program has arguments; here there are none.
            "arguments" => "ok: []",
            _ => "refused: ",
        };
        let came_of_it = super::text(came_of_it);
        assert!(came_of_it.starts_with(expect), "{what}: {came_of_it}");
    }
}

#[test]
fn a_flow_sees_nothing_outside() {
    check(&peek("flow-peek"));
}

#[test]
fn a_task_sees_nothing_that_it_was_not_granted() {
    check(&peek("task-peek"));
}
