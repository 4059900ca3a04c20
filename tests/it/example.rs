//! The example of the README: an orchestrator that fans work out to a pool.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{deploy, flow_runs, home, worker};

#[test]
fn the_orchestrator_starts_ten_items_and_waits_for_them() {
    let home = home();
    deploy(&home, "process_item", &[]);
    deploy(&home, "orchestrator", &[]);
    let _worker = worker(&home, &[]);

    let ran = home.run(["run", "orchestrator"]).ok();
    for line in [
        "Submitted item 0",
        "Submitted item 9",
        "All items processed!",
    ] {
        assert!(ran.stderr.contains(line), "{line:?} in:\n{}", ran.stderr);
    }

    let runs = flow_runs(&home, &[]);
    let mut by_flow = BTreeMap::<String, usize>::new();
    for run in &runs {
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
        *by_flow
            .entry(run["flow"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let expect = [
        ("orchestrator".to_owned(), 1),
        ("process-item".to_owned(), 10),
    ];
    assert_eq!(by_flow, expect.into());

    // They were under way at the same time: each began before any ended.
    let items = || runs.iter().filter(|run| run["flow"] == "process-item");
    let text = |run: &Value, field: &str| run[field].as_str().unwrap().to_owned();
    let last_start = items().map(|run| text(run, "started")).max().unwrap();
    let first_end = items().map(|run| text(run, "ended")).min().unwrap();
    assert!(last_start < first_end, "{last_start} {first_end}");
}

#[test]
fn a_subflow_a_task_and_a_deployed_run_give_the_same_result() {
    let home = home();
    deploy(&home, "etl_tasks", &[]);
    deploy(&home, "etl_distributed", &[]);
    let _worker = worker(&home, &[]);
    for (flow, children) in [("etl-tasks", 0), ("etl-distributed", 20)] {
        let ran = home.run(["run", flow]).ok();
        assert!(ran.stdout.trim().parse::<u64>().is_ok(), "{}", ran.stdout);
        let started = flow_runs(&home, &["--flow", "extract-partition"]);
        assert_eq!(started.len(), children);
    }
    let tasks = home
        .run(["task-run", "ls", "--limit", "0", "-o", "json"])
        .ok();
    let tasks = tasks.json();
    let states = tasks
        .as_array()
        .unwrap()
        .iter()
        .map(|task| &task["state"]["type"]);
    assert!(states.clone().count() >= 40);
    assert!(states.into_iter().all(|state| *state == json!("COMPLETED")));
}
