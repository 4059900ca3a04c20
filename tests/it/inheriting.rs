//! What a new attempt of a flow inherits: what was finished, and no time that passed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::Home;

use super::inputs::{give, result, wait_for_keys};
use super::{deploy, flow_runs, home, inspect, start, task_runs, text, watch, worker};

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

/// The states of the tasks of a run, in order.
fn states_of_tasks(home: &Home, run: &str) -> Vec<String> {
    let tasks = task_runs(home, run);
    let states = tasks.iter().map(|task| text(&task["state"]["type"]));
    states.map(str::to_owned).collect()
}

/// What it returned stands; what nobody waits for is cancelled, with its retries.
#[test]
fn a_task_that_was_left_behind_ends_with_its_flow() {
    for flow in ["leaves-one-behind", "takes-the-first"] {
        let home = retries();
        let _worker = worker(&home, &["--park", "0s"]);
        let ran = watch(&home, flow, &[]).ok();
        assert_eq!(ran.stdout, "1\n");
        let run = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
        let states = states_of_tasks(&home, &run);
        assert!(states.contains(&"CANCELLED".to_owned()), "{states:?}");
        let is_open = |state: &String| ["SCHEDULED", "PENDING", "RUNNING"].contains(&&**state);
        assert!(!states.iter().any(is_open), "{states:?}");
    }
}

/// The author asked for it.
#[test]
fn a_task_that_was_detached_ends_before_the_run_is_over() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "detaches-one", &[]).ok();
    assert_eq!(ran.stdout, "1\n");
    let run = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    assert_eq!(states_of_tasks(&home, &run), ["COMPLETED"]);
}

#[test]
fn a_task_is_cancelled_by_its_flow() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "cancels-one", &[]).ok();
    let told: Vec<String> = serde_json::from_str(&ran.stdout).unwrap();
    let cancelled = "task `takes-0` was cancelled by its flow";
    let expect = [
        format!("Err({cancelled})"),
        format!("Err(task `takes` did not run, because what it needs failed: {cancelled})"),
        "Ok(1)".to_owned(),
    ];
    assert_eq!(told, expect);
    let run = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    let mut states = states_of_tasks(&home, &run);
    states.sort_unstable();
    assert_eq!(states, ["CANCELLED", "COMPLETED", "FAILED"]);
    // A replay asks for the same.
    home.run(["flow-run", "replay", &run]).ok();
}
