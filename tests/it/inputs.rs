//! Flows that ask a person for input: they wait without a slot and without memory, take what
//! fits, and go on with it wherever they are taken up.

use serde_json::{Value, json};
use test_support::{Home, eventually};

use super::{SOON, deploy, home, inspect, start, state, text, wait_until, watch, worker};

pub const YES: &str = r#"{"approved": true}"#;

/// Starts a run and waits until a person is asked for something.
#[track_caller]
pub fn start_suspended(home: &Home, flow: &str, more: &[&str]) -> String {
    let run = start(home, flow, more);
    wait_until_suspended(home, &run);
    run
}

#[track_caller]
fn wait_until_suspended(home: &Home, run: &str) {
    eventually(SOON, || inspect(home, run)["state"]["name"] == "Suspended");
}

/// Waits until exactly these inputs are awaited, by their keys.
#[track_caller]
pub fn wait_for_keys(home: &Home, run: &str, keys: &[&str]) {
    eventually(SOON, || {
        let inputs = inspect(home, run)["inputs"].clone();
        let awaited: Vec<&str> = inputs.as_array().unwrap().iter().map(key).collect();
        awaited == keys
    });
}

pub fn key(input: &Value) -> &str {
    text(&input["key"])
}

#[track_caller]
pub fn give(home: &Home, run: &str, input: &str) {
    home.run(["flow-run", "resume", run, "--input", input]).ok();
}

/// The result of a run that has completed.
#[track_caller]
pub fn result(home: &Home, run: &str) -> Value {
    wait_until(home, run, "COMPLETED");
    inspect(home, run)["result"].clone()
}

#[test]
fn a_flow_waits_for_a_person_and_holds_no_slot() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &["--limit", "1"]);
    let run = start_suspended(&home, "release", &["-p", "version=v7"]);
    // Others are executed meanwhile.
    watch(&home, "impatient", &[]).ok();
    let listed = home.run(["flow-run", "ls", "--flow", "release"]).ok();
    assert!(listed.stdout.contains("Suspended"), "{listed}");

    let shown = inspect(&home, &run);
    assert_eq!(shown["state"]["type"], "WAITING");
    assert_eq!(shown["state"]["message"], "waits for input `approval`");
    let input = &shown["inputs"][0];
    assert_eq!(input["key"], "approval");
    assert_eq!(input["flow_run"], *run);
    assert_eq!(input["description"], "Release v7?");
    assert_eq!(input["schema"]["properties"]["approved"]["type"], "boolean");
    assert_eq!(input["example"], json!({"approved": true, "note": "text"}));

    give(&home, &run, r#"{"approved": true, "note": "at last"}"#);
    assert_eq!(result(&home, &run), "v7: true (at last)");
    assert_eq!(inspect(&home, &run)["inputs"], json!([]));
    let replayed = super::json(&home, &["flow-run", "replay", &run]);
    assert_eq!(replayed["diverged"], false, "{replayed}");
}

#[test]
fn one_input_comes_after_the_other() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &["--park", "0s"]);
    let run = start_suspended(&home, "in-turn", &[]);
    let first = inspect(&home, &run)["inputs"][0]["id"].clone();
    give(&home, &run, "4");
    eventually(SOON, || {
        let input = inspect(&home, &run)["inputs"][0].clone();
        !input.is_null() && input["id"] != first
    });
    give(&home, &run, "2");
    assert_eq!(result(&home, &run), 402);
}

#[test]
fn the_same_cannot_be_asked_for_twice_at_once() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "the-same-twice", &[]).ok();
    let expect = "\"input `number` is asked for already, and not given yet\"\n";
    assert_eq!(ran.stdout, expect);
}

/// What was acknowledged is kept: nobody is there to take it, and the first who comes does.
#[test]
fn what_was_given_survives_a_kill_and_is_given_to_another_worker() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let first = worker(&home, &[]);
    let run = start_suspended(&home, "in-turn", &[]);
    first.sigkill();
    give(&home, &run, "4");
    assert_eq!(inspect(&home, &run)["inputs"], json!([]));

    let second = worker(&home, &[]);
    wait_for_keys(&home, &run, &["number"]);
    second.sigkill();
    // The third is told both, of which it has heard neither.
    give(&home, &run, "2");
    let _third = worker(&home, &[]);
    assert_eq!(result(&home, &run), 402);
    let replayed = super::json(&home, &["flow-run", "replay", &run]);
    assert_eq!(replayed["diverged"], false, "{replayed}");
}

#[test]
fn a_flow_may_stop_waiting() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let impatient = watch(&home, "impatient", &[]).ok();
    let expect = "\"input `answer`: nobody gave it in time\"\n";
    assert_eq!(impatient.stdout, expect);
    // The time of the flow itself goes on, too.
    let hurry = start(&home, "in-a-hurry", &[]);
    wait_until(&home, &hurry, "FAILED");
    assert_eq!(inspect(&home, &hurry)["state"]["name"], "TimedOut");
    home.run(["flow-run", "resume", &hurry, "--input", "true"])
        .fails(2);

    let reminds = start(&home, "reminds", &[]);
    eventually(SOON, || {
        inspect(&home, &reminds)["inputs"][0]["description"] == "Once more"
    });
    wait_for_keys(&home, &reminds, &["number"]);
    give(&home, &reminds, "5");
    assert_eq!(result(&home, &reminds), 5);
    let replayed = super::json(&home, &["flow-run", "replay", &reminds]);
    assert_eq!(replayed["diverged"], false, "{replayed}");
}

#[test]
fn a_suspended_flow_is_cancelled_and_cleans_up() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &["--park", "0s"]);
    let run = start_suspended(&home, "cleans-up", &[]);
    home.run(["flow-run", "cancel", &run]).ok();
    wait_until(&home, &run, "CANCELLED");
    let log = home.run(["flow-run", "logs", &run]).ok().stdout;
    assert!(log.contains("cleaning up: Cancelled"), "{log}");
    home.run(["flow-run", "resume", &run, "--input", "true"])
        .fails(2);
}

/// Who has answered is not asked again because something else went wrong.
#[test]
fn a_new_attempt_is_given_the_same() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let run = start_suspended(&home, "fails-once", &[]);
    give(&home, &run, "6");
    assert_eq!(result(&home, &run), 6);
    assert_eq!(inspect(&home, &run)["attempt"], 2);
}

#[test]
fn a_suspended_run_that_is_paused_goes_on_with_its_input() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let run = start_suspended(&home, "greets", &[]);
    home.run(["flow-run", "pause", &run]).ok();
    wait_until(&home, &run, "PAUSED");
    // Resumed without it, it waits on.
    home.run(["flow-run", "resume", &run]).ok();
    wait_until_suspended(&home, &run);
    home.run(["flow-run", "pause", &run]).ok();
    wait_until(&home, &run, "PAUSED");
    give(&home, &run, "Ada");
    assert_eq!(result(&home, &run), "hello Ada");
}

#[test]
fn a_flow_with_a_task_under_way_is_given_input_too() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let run = start(&home, "works-meanwhile", &[]);
    wait_for_keys(&home, &run, &["number"]);
    assert_eq!(state(&home, &run), "RUNNING");
    give(&home, &run, "8");
    eventually(SOON, || {
        let log = home.run(["flow-run", "logs", &run]).ok().stdout;
        log.contains("given 8")
    });
    home.run(["flow-run", "cancel", &run]).ok();
    wait_until(&home, &run, "CANCELLED");
}
