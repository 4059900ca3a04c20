//! Every form of the SDK. The flows check their results themselves: a run of one completes
//! exactly when the promise it is named after holds.

use serde_json::{Value, json};
use test_support::{Home, eventually};

use super::{SOON, deploy, flow_runs, home, json, list, start, text, worker};

/// What a flow is given, as each takes something else.
fn parameters(flow: &str) -> Value {
    let order = || json!({"to": {"street": "Main"}, "size": "small", "lines": {"screw": 0.5}});
    match flow {
        "doubling" => json!({"n": 3}),
        "doubling-later" => json!({"n": 3, "times": 2}),
        "echo" => json!({"value": "hi"}),
        "idempotency-key" => json!({"key": "once"}),
        "parameters" => json!({"order": order(), "count": 7, "label": "new"}),
        "reads-context" => json!({"word": "hi"}),
        "recursive-subflow" => json!({"depth": 5}),
        "sleeping" => json!({"seconds": 0}),
        "sleeps" | "time-and-chance" => json!({"ms": 20}),
        "work-queue" => json!({"name": "q"}),
        _ => json!({}),
    }
}

/// What some of them return: the others check themselves.
fn result(flow: &str) -> Option<Value> {
    Some(match flow {
        "doubling" => json!(6),
        "doubling-later" => json!(12),
        "direct-call" => json!(20),
        "interleaved-subflows" => json!([2, 8, 24]),
        "many" => json!(["0", "1", "2", "3", "4"]),
        "map" => json!(9900),
        "parameters" => json!("Main 7  3 new Small"),
        "recursive-subflow" => json!(5),
        "task-timeout" => {
            json!("task `dawdles-0` failed: the attempt took longer than its timeout of 50ms")
        }
        "wait-for" => json!(
            "task `nothing` did not run, because what it needs failed: task `fail-0` failed: broken"
        ),
        _ => return None,
    })
}

/// Every flow of the component `forms` at once, on a worker with these arguments.
#[track_caller]
fn every_form_works(worker_args: &[&str]) -> Home {
    let home = home();
    deploy(&home, "forms", &[]);
    home.run(["work-queue", "create", "q"]).ok();
    let component = &list(&home, &["component", "ls"])[0];
    let flows = component["manifest"]["flows"].as_array().unwrap();
    assert!(flows.len() > 50, "{}", flows.len());
    for flow in flows {
        let flow = text(&flow["name"]);
        start(
            &home,
            flow,
            &["--params", &parameters(flow).to_string(), "--tag", "form"],
        );
    }
    let _worker = worker(&home, worker_args);
    let forms = || flow_runs(&home, &["--tag", "form"]);
    eventually(SOON, || forms().iter().all(|run| !run["ended"].is_null()));

    let forms = forms();
    assert_eq!(forms.len(), flows.len());
    for run in forms {
        let flow = text(&run["flow"]);
        if flow == "fails" {
            assert_eq!(run["state"]["type"], "FAILED", "{run}");
            assert_eq!(
                run["failure"]["message"],
                "task `fail-0` failed: the flow fails by this"
            );
            continue;
        }
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
        if let Some(result) = result(flow) {
            assert_eq!(run["result"], result, "{flow}");
        }
    }
    home
}

#[test]
fn every_form_of_the_sdk_works() {
    let home = every_form_works(&[]);
    // Run again against what was recorded, each asks for the same again.
    for run in flow_runs(&home, &["--tag", "form"]) {
        let replayed = json(&home, &["flow-run", "replay", text(&run["id"])]);
        assert_eq!(replayed["diverged"], false, "{}: {replayed}", run["flow"]);
    }
}

/// Nothing that waits stays in memory: it is replayed each time it goes on, and must come to
/// the same place.
#[test]
fn every_form_of_the_sdk_works_by_replay() {
    every_form_works(&["--park", "0s"]);
}

/// Fewer slots than runs that wait for each other.
#[test]
fn every_form_of_the_sdk_works_one_at_a_time() {
    every_form_works(&["--limit", "1"]);
}
