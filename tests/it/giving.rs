//! Input for flows on the command line: what the commands show, which values they accept, and
//! how they refuse the others.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use insta_cmd::assert_cmd_snapshot;
use test_support::{eventually, guest};

use super::inputs::{YES, give, key, result, start_suspended, wait_for_keys};
use super::{SOON, deploy, everything, flow_runs, home, inspect, start, steady, text, worker};

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
    hint: write `orch-host flow-run resume --input <JSON|@FILE> --key <KEY> <ID>...`
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
    error: flow run '[NAME]' does not wait for input: it is Scheduled
    hint: `orch-host flow-run inspect [ID]` shows it, once it asks for something
    ");
    home.run(["flow-run", "cancel", &waiting]).ok();
    assert_cmd_snapshot!(resume(&waiting), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input: it is Cancelled
    hint: only a run that has not ended can be given input
    ");
    let paused = start(&home, "greets", &[]);
    home.run(["flow-run", "pause", &paused]).ok();
    assert_cmd_snapshot!(resume(&paused), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow run '[NAME]' does not wait for input: it is Paused
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
