//! Tasks whose results are kept for other runs.

use serde_json::{Value, json};
use test_support::{Home, eventually};

use super::{
    SOON, deploy, home, inspect, list, shlex, start, state, task_runs, text, wait_until, worker,
};

/// A home with a worker and the deployment of a flow that calls a task, which is granted a
/// directory.
fn scene() -> (Home, super::Worker) {
    let home = home();
    std::fs::create_dir(home.path().join("busy")).unwrap();
    deploy_to(&home, "busy");
    let worker = worker(&home, &[]);
    (home, worker)
}

fn deploy_to(home: &Home, directory: &str) {
    let grant = format!("{}:/busy", home.path().join(directory).display());
    deploy(
        home,
        "declares",
        &["--flow", "asks-the-cache", "--dir", &grant],
    );
}

fn begin(home: &Home, what: &str, how: &str, n: u32) -> String {
    let (what, how, n) = (
        format!("what={what}"),
        format!("how={how}"),
        format!("n={n}"),
    );
    start(home, "asks-the-cache", &["-p", &what, "-p", &how, "-p", &n])
}

/// What a run returns, and the name of its task's state.
fn outcome(home: &Home, run: &str) -> (Value, String) {
    wait_until(home, run, "COMPLETED");
    let task = &task_runs(home, run)[0];
    (
        inspect(home, run)["result"].clone(),
        text(&task["state"]["name"]).to_owned(),
    )
}

fn result(home: &Home, what: &str, how: &str, n: u32) -> (Value, String) {
    let run = begin(home, what, how, n);
    outcome(home, &run)
}

/// It was computed, for the `n`-th time.
fn computed(n: u32) -> (Value, String) {
    (json!(n), "Completed".to_owned())
}

/// It was found, and had been computed so often.
fn cached(n: u32) -> (Value, String) {
    (json!(n), "Cached".to_owned())
}

#[test]
fn a_result_is_used_by_other_runs_with_the_same_inputs() {
    let (home, _worker) = scene();
    assert_eq!(result(&home, "a", "inputs", 1), computed(1));
    assert_eq!(result(&home, "a", "inputs", 2), cached(1));
    assert_eq!(result(&home, "b", "inputs", 1), computed(1));
    let run = begin(&home, "a", "inputs", 1);
    outcome(&home, &run);
    let task = &task_runs(&home, &run)[0];
    assert_eq!(
        (&task["state"]["type"], &task["attempt"]),
        (&json!("COMPLETED"), &json!(0))
    );
    // Another task has results of its own.
    assert_eq!(result(&home, "a", "key", 1), computed(2));
    let replayed = home.run(["flow-run", "replay", &run]).ok();
    assert!(replayed.stdout.contains("the same"), "{replayed}");
}

#[test]
fn a_result_is_used_until_it_has_expired() {
    let (home, _worker) = scene();
    assert_eq!(result(&home, "a", "second", 1), computed(1));
    eventually(SOON, || result(&home, "a", "second", 1) == computed(2));
}

#[test]
fn an_author_says_what_makes_results_the_same() {
    let (home, _worker) = scene();
    assert_eq!(result(&home, "A", "key", 1), computed(1));
    assert_eq!(result(&home, "a", "key", 2), cached(1));
    let run = begin(&home, "", "key", 1);
    wait_until(&home, &run, "FAILED");
    assert_eq!(
        inspect(&home, &run)["failure"]["message"],
        "task `by_key-0` failed: the cache key of task `by_key` is empty"
    );
}

#[test]
fn a_task_that_may_reach_something_else_computes_for_itself() {
    let (home, _worker) = scene();
    assert_eq!(result(&home, "a", "inputs", 1), computed(1));
    std::fs::create_dir(home.path().join("other")).unwrap();
    deploy_to(&home, "other");
    assert_eq!(result(&home, "a", "inputs", 1), computed(1));
    deploy_to(&home, "busy");
    assert_eq!(result(&home, "a", "inputs", 1), cached(1));
}

#[test]
fn of_many_that_find_no_result_one_computes_it_whoever_is_killed() {
    let (home, killed) = scene();
    let _other = worker(&home, &[]);
    let runs = [(); 4].map(|()| begin(&home, "a", "alone", 4_000));
    // Who waits for the one that computes holds no slot.
    eventually(SOON, || {
        let waiting = runs.iter().filter(|run| state(&home, run) == "WAITING");
        waiting.count() == 3
    });
    killed.sigkill();
    let found: Vec<(Value, String)> = runs.iter().map(|run| outcome(&home, run)).collect();
    let count = |state: &str| found.iter().filter(|(_, it)| it == state).count();
    assert_eq!((count("Completed"), count("Cached")), (1, 3), "{found:?}");
    assert!(
        found.iter().all(|(value, _)| *value == found[0].0),
        "{found:?}"
    );
}

#[test]
fn tasks_are_limited_by_their_tags() {
    let (home, _worker) = scene();
    // Without a limit a tag is a tag.
    let run = begin(&home, "", "tagged", 1);
    assert_eq!(outcome(&home, &run), (json!(0), "Completed".to_owned()));
    home.run(shlex("limit create tag:heavy --slots 2")).ok();
    let runs = [(); 6].map(|()| begin(&home, "", "tagged", 200));
    let mut most = 0;
    eventually(SOON, || {
        let limit = &list(&home, &["limit", "ls"])[0];
        let taken = limit["taken"].as_u64().unwrap();
        assert!(taken <= 2, "{limit}");
        most = most.max(taken);
        runs.iter().all(|run| state(&home, run) == "COMPLETED")
    });
    assert_eq!(most, 2);
}
