//! Flows that ask a person for input: they wait without a slot and without memory, take what
//! fits, and go on with it wherever they are taken up.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use insta_cmd::assert_cmd_snapshot;
use serde_json::{Value, json};
use test_support::{Home, eventually, guest};

use super::{
    SOON, deploy, everything, flow_runs, home, inspect, start, state, steady, text, wait_until,
    watch, worker,
};

const YES: &str = r#"{"approved": true}"#;

/// Starts a run and waits until a person is asked for something.
#[track_caller]
fn start_suspended(home: &Home, flow: &str, more: &[&str]) -> String {
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
fn wait_for_keys(home: &Home, run: &str, keys: &[&str]) {
    eventually(SOON, || {
        let inputs = inspect(home, run)["inputs"].clone();
        let awaited: Vec<&str> = inputs.as_array().unwrap().iter().map(key).collect();
        awaited == keys
    });
}

fn key(input: &Value) -> &str {
    text(&input["key"])
}

#[track_caller]
fn give(home: &Home, run: &str, input: &str) {
    home.run(["flow-run", "resume", run, "--input", input]).ok();
}

/// The result of a run that has completed.
#[track_caller]
fn result(home: &Home, run: &str) -> Value {
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
fn a_person_is_shown_what_to_give() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let worker = worker(&home, &[]);
    let run = start_suspended(&home, "release", &["-p", "version=v7"]);
    drop(worker);
    let _steady = steady(&home);
    let shown = home.run(["flow-run", "inspect", &run]).ok().stdout;
    let shown = shown.split("Waits for input").nth(1).unwrap();
    let shown = shown.split("\nStates").next().unwrap();
    insta::assert_snapshot!(shown.trim_start(), @r#"
    key          approval
    description  Release v7?
    asked by     [ID]
    asked        [TIME]
    schema       {"properties":{"approved":{"type":"boolean"},"note":{"type":["string","null"]}},"required":["approved"],"title":"Approval","type":"object"}
    example      {"approved":true,"note":"text"}
    give it      orch-host flow-run resume [ID] --input '{"approved":true,"note":"text"}'
    "#);
    assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &run]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' waits for input:
      `approval`: Release v7?
        schema: {"properties":{"approved":{"type":"boolean"},"note":{"type":["string","null"]}},"required":["approved"],"title":"Approval","type":"object"}
    hint: give it: `orch-host flow-run resume [ID] --input '{"approved":true,"note":"text"}'`
    "#);
}

/// Whatever is wrong, it is said, and nothing has changed.
#[test]
fn what_does_not_fit_is_refused() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let worker = worker(&home, &[]);
    let run = start_suspended(&home, "release", &["-p", "version=v7"]);
    drop(worker);
    let _steady = steady(&home);
    let before = everything(&home);
    let resume = |more: &[&str]| home.cmd([&["flow-run", "resume", &run], more].concat());
    assert_cmd_snapshot!(resume(&["--input", r#"{"approved": "yes"}"#]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: input `approval` does not fit: `approved` is `"yes"`: "yes" is not of type "boolean" (schema: `/properties/approved/type`)
    hint: this would fit: `--input '{"approved":true,"note":"text"}'`
    "#);
    assert_cmd_snapshot!(resume(&["--input", "{}"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: input `approval` does not fit: the value is `{}`: "approved" is a required property (schema: `/required`)
    hint: this would fit: `--input '{"approved":true,"note":"text"}'`
    "#);
    assert_cmd_snapshot!(resume(&["--input", "{approved}"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: input `approval` is `{approved}`: not JSON: key must be a string at line 1 column 2
    hint: this would fit: `--input '{"approved":true,"note":"text"}'`
    "#);
    assert_cmd_snapshot!(resume(&["--input", "@nowhere.json"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `nowhere.json` cannot be read: No such file or directory (os error 2)
    hint: name a file that is there and readable, or `-` for stdin
    ");
    assert_cmd_snapshot!(resume(&["--input", YES, "--key", "aproval"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input `aproval`
    hint: did you mean `approval`?
    ");
    assert_cmd_snapshot!(resume(&["--key", "approval"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: the following required arguments were not provided:
      --input <JSON|@FILE>

    Usage: orch-host flow-run resume --input <JSON|@FILE> --key <KEY> <ID>

    For more information, try '--help'.
    ");
    // The last is the list of workers.
    assert_eq!(everything(&home)[..5], before[..5]);
    assert_eq!(key(&inspect(&home, &run)["inputs"][0]), "approval");
}

#[test]
fn who_asks_for_nothing_is_given_nothing() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let waiting = start(&home, "greets", &[]);
    let _steady = steady(&home);
    let resume = |run: &str| home.cmd(["flow-run", "resume", run, "--input", "x"]);
    assert_cmd_snapshot!(resume(&waiting), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input: it is SCHEDULED
    hint: `orch-host flow-run inspect [ID]` shows it, once it asks for something
    ");
    home.run(["flow-run", "cancel", &waiting]).ok();
    assert_cmd_snapshot!(resume(&waiting), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input: it is CANCELLED
    hint: only a run that has not ended can be given input
    ");
    let paused = start(&home, "greets", &[]);
    home.run(["flow-run", "pause", &paused]).ok();
    assert_cmd_snapshot!(resume(&paused), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input: it is PAUSED
    hint: without `--input` it goes on: `orch-host flow-run resume [ID]`
    ");
}

#[test]
fn input_is_json_text_a_file_or_stdin() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let plain = start_suspended(&home, "greets", &[]);
    give(&home, &plain, "Ada");
    assert_eq!(result(&home, &plain), "hello Ada");

    fs::write(home.path().join("name.json"), "\"Grace\"\n").unwrap();
    let file = start_suspended(&home, "greets", &[]);
    give(&home, &file, "@name.json");
    assert_eq!(result(&home, &file), "hello Grace");

    let stdin = start_suspended(&home, "greets", &[]);
    let mut resume = home.cmd(["flow-run", "resume", &stdin, "--input", "@-"]);
    let resume = resume.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = resume.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"Edith").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(result(&home, &stdin), "hello Edith");
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
fn of_several_inputs_one_is_named() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let run = start_suspended(&home, "at-once", &[]);
    {
        let _steady = steady(&home);
        assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &run, "--input", "7"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' waits for several inputs: `number`, `word`
    hint: say which: `--key number`
    ");
        assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &run]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' waits for input:
      `number`
        schema: {"format":"uint32","minimum":0,"type":"integer"}
      `word`
        schema: {"type":"string"}
    hint: give it: `orch-host flow-run resume [ID] --key number --input 0`
    "#);
    }
    let word = ["flow-run", "resume", &run, "--key", "word", "--input", "no"];
    home.run(word).ok();
    wait_for_keys(&home, &run, &["number"]);
    give(&home, &run, "7");
    assert_eq!(result(&home, &run), "no 7");
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

#[test]
fn a_subflow_asks_under_its_own_id() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let outer = start_suspended(&home, "outer", &["-p", "version=v7"]);
    let inner = flow_runs(&home, &["--parent", &outer])[0]["id"].clone();
    let inner = text(&inner);
    assert_eq!(inspect(&home, &outer)["inputs"][0]["flow_run"], inner);
    assert_eq!(key(&inspect(&home, inner)["inputs"][0]), "approval");
    {
        let _steady = steady(&home);
        assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &outer, "--input", YES]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input itself: a subflow within it does
    hint: give it to that one: `orch-host flow-run resume [ID] --input '{"approved":true,"note":"text"}'`
    "#);
        assert_cmd_snapshot!(home.cmd(["flow-run", "resume", &outer]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' waits for input:
      `approval`: Release v7? (asked by subflow [ID])
        schema: {"properties":{"approved":{"type":"boolean"},"note":{"type":["string","null"]}},"required":["approved"],"title":"Approval","type":"object"}
    hint: give it: `orch-host flow-run resume [ID] --input '{"approved":true,"note":"text"}'`
    "#);
    }
    give(&home, inner, YES);
    assert_eq!(result(&home, &outer), "v7: true (nothing to add)");
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

/// Who runs a flow in the foreground is told what to type in another terminal.
#[test]
fn a_run_in_the_foreground_tells_the_command() {
    let home = home();
    let path = guest("inputs").display().to_string();
    let mut command = home.cmd(["run", &path, "--flow", "release", "-p", "version=v7"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().unwrap();
    eventually(SOON, || {
        home.run(["flow-run", "ls"])
            .ok()
            .stdout
            .contains("Suspended")
    });
    let run = flow_runs(&home, &[])[0]["id"].clone();
    give(&home, text(&run), YES);
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    let _steady = steady(&home);
    insta::assert_snapshot!(said, @r#"
    Flow run '[NAME]' of `release` ([ID])
    [CLOCK] | INPUT | Flow run '[NAME]' - Waits for input `approval`: Release v7?
    hint: give it: `orch-host flow-run resume [ID] --input '{"approved":true,"note":"text"}'`
    Flow run '[NAME]' completed after [SPAN]
    "#);
    assert_eq!(ended.stdout, b"\"v7: true (nothing to add)\"\n");
}
