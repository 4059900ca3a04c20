//! What a new attempt of a flow inherits: what was finished, and no time that passed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Home, eventually};

use super::inputs::{give, result, wait_for_keys};
use super::{SOON, deploy, flow_runs, home, inspect, start, state, task_runs, text, watch, worker};

fn retries() -> Home {
    let home = home();
    deploy(&home, "retries", &[]);
    home
}

/// The tasks that were executed for the run of this flow and those in it, by name.
#[track_caller]
fn executed(home: &Home, runs: &[Value]) -> Vec<String> {
    let ran = |task: &Value| {
        let mut history = task["history"].as_array().unwrap().iter();
        history.any(|state| state["type"] == "RUNNING")
    };
    // A run lists the tasks of its subflows, too: each counts once.
    let tasks: BTreeMap<String, Value> = runs
        .iter()
        .flat_map(|run| task_runs(home, text(&run["id"])))
        .map(|task| (text(&task["id"]).to_owned(), task))
        .collect();
    let names = tasks.values().filter(|task| ran(task));
    let mut names: Vec<String> = names.map(|task| text(&task["task"]).to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_made_of_joined_results_is_not_made_again() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "joined-rows", &[]).ok();
    assert_eq!(ran.stdout, "6\n");
    let runs = flow_runs(&home, &["--flow", "joined-rows"]);
    assert_eq!(runs[0]["attempt"], 3);
    let expect = ["extract"; 4].iter().chain(&["load", "transform"]);
    assert!(executed(&home, &runs).iter().eq(expect), "{runs:#?}");
}

/// Its tasks, its child and the input that it asks for.
#[test]
fn what_a_subflow_has_done_is_not_done_again() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let run = start(&home, "in-a-part", &[]);
    wait_for_keys(&home, &run, &["more"]);
    // The subflow asks, not the run around it.
    let asker = text(&inspect(&home, &run)["inputs"][0]["flow_run"]).to_owned();
    give(&home, &asker, "5");
    assert_eq!(result(&home, &run), 7);
    assert_eq!(inspect(&home, &run)["attempt"], 3);
    let runs = flow_runs(&home, &[]);
    let of = |flow: &str| runs.iter().filter(|run| run["flow"] == flow).count();
    assert_eq!(of("leaf"), 1, "{runs:#?}");
    assert_eq!(executed(&home, &runs), ["extract", "extract", "load"]);
}

#[test]
fn each_attempt_gives_a_child_its_whole_time() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let began = Instant::now();
    let ran = watch(&home, "gives-a-second", &[]).fails(1);
    assert!(ran.stderr.contains("it is not over"), "{ran}");
    assert!(began.elapsed() >= Duration::from_secs(3), "{ran}");
    // All attempts have waited for the same child.
    let children = flow_runs(&home, &["--flow", "never-over"]);
    assert_eq!(children.len(), 1, "{children:#?}");
}

/// Whether the flow was in memory when its time was over or not.
#[test]
fn a_flow_that_sleeps_past_its_timeout_is_tried_again() {
    for park in ["0s", "10s"] {
        let home = retries();
        let _worker = worker(&home, &["--park", park]);
        let ran = watch(&home, "late-at-first", &[]).ok();
        assert_eq!(ran.stdout, "2\n");
        let run = &flow_runs(&home, &[])[0];
        assert_eq!(run["attempt"], 2, "{run:#}");
    }
}

/// It has returned, and what it left behind does not end in time: that is no other ending.
#[test]
fn a_task_that_was_left_behind_ends_with_its_attempt() {
    let home = retries();
    let _worker = worker(&home, &["--park", "0s"]);
    let run = start(&home, "left-behind-once", &[]);
    eventually(SOON, || state(&home, &run) == "COMPLETED");
    assert_eq!(inspect(&home, &run)["attempt"], 2);
    let open = task_runs(&home, &run).into_iter();
    let mut open = open.filter(|task| task["state"]["type"] == "SCHEDULED");
    assert_eq!(open.next(), None);
}
