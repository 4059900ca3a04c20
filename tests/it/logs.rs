//! The log of a run, while it runs and afterwards, and how the run ended.

use std::thread;

use insta_cmd::assert_cmd_snapshot;

use super::{deploy, home, json, start, steady, text, wait_until, watch, worker};

#[test]
fn the_log_has_what_was_logged_and_printed() {
    let home = home();
    deploy(&home, "forms", &["--flow", "says-things"]);
    let _worker = worker(&home, &[]);
    let run = start(&home, "says-things", &["--name", "speaker"]);
    wait_until(&home, &run, "COMPLETED");

    let _steady = steady(&home);
    assert_cmd_snapshot!(home.cmd(["flow-run", "logs", &run]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    [TIME] | INFO  | Flow run '[NAME]' - at info
    [TIME] | WARN  | Flow run '[NAME]' - at warn
    [TIME] | ERROR | Flow run '[NAME]' - at error
    [TIME] | INFO  | Flow run '[NAME]' - printed
    [TIME] | WARN  | Flow run '[NAME]' - printed as an error
    [TIME] | INFO  | Task run 'says_more-0' - from a task
    [TIME] | INFO  | Task run 'says_more-0' - printed by a task

    ----- stderr -----
    ");
    assert_cmd_snapshot!(home.cmd(["flow-run", "logs", "speaker", "--level", "error"]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    [TIME] | ERROR | Flow run '[NAME]' - at error

    ----- stderr -----
    ");
    let lines = json(&home, &["flow-run", "logs", &run, "--level", "trace"]);
    let lines = lines.as_array().unwrap();
    let told: Vec<[&str; 4]> = lines
        .iter()
        .map(|line| ["level", "source", "target", "message"].map(|field| text(&line[field])))
        .collect();
    let expect = [
        ["TRACE", "flow", "forms::blocking", "at trace"],
        ["DEBUG", "flow", "forms::blocking", "at debug"],
        ["INFO", "flow", "forms::blocking", "at info"],
        ["WARN", "flow", "forms::blocking", "at warn"],
        ["ERROR", "flow", "forms::blocking", "at error"],
        ["INFO", "flow", "stdout", "printed"],
        ["WARN", "flow", "stderr", "printed as an error"],
        ["INFO", "task", "forms::blocking", "from a task"],
        ["INFO", "task", "stdout", "printed by a task"],
    ];
    assert_eq!(told, expect);

    let found = |more: &[&str]| {
        let lines = json(&home, &[&["flow-run", "logs", &run], more].concat());
        let lines = lines.as_array().unwrap().iter();
        let messages = lines.map(|line| text(&line["message"]).to_owned());
        messages.collect::<Vec<_>>()
    };
    let printed = ["printed", "printed as an error", "printed by a task"];
    assert_eq!(found(&["--text", "PRINTED"]), printed);
    assert_eq!(
        found(&["--tail", "2"]),
        ["from a task", "printed by a task"]
    );
    assert_eq!(found(&["--target", "stderr"]), ["printed as an error"]);
    assert_eq!(
        found(&["--task", "says_more"]),
        ["from a task", "printed by a task"]
    );
    assert_eq!(found(&["--task", "says_less"]), [] as [&str; 0]);
    home.run(["flow-run", "logs", &run, "--task", ""]).fails(2);
    let both = ["--target", "stdout", "--target", "stderr", "--tail", "2"];
    assert_eq!(found(&both), ["printed as an error", "printed by a task"]);
    assert_eq!(
        found(&["--target", "forms", "--level", "error"]),
        ["at error"]
    );
    assert!(found(&["--target", "form"]).is_empty());
}

/// Whoever reads a run's log finds what its subflows said, and each under its own name.
#[test]
fn the_log_of_a_run_has_its_subflows() {
    let home = home();
    deploy(&home, "forms", &["--flow", "interleaved-subflows"]);
    let _worker = worker(&home, &[]);
    let run = start(&home, "interleaved-subflows", &[]);
    wait_until(&home, &run, "COMPLETED");
    let whole = json(&home, &["flow-run", "logs", &run]);
    assert_eq!(whole.as_array().unwrap().len(), 6);

    let subflows = super::flow_runs(&home, &["--parent", &run]);
    assert_eq!(subflows.len(), 3);
    for subflow in subflows {
        let n = subflow["parameters"]["n"].as_u64().unwrap();
        let lines = json(&home, &["flow-run", "logs", text(&subflow["id"])]);
        let lines = lines.as_array().unwrap();
        assert_eq!(lines.len() as u64, n);
        for line in lines {
            assert!(
                text(&line["message"]).ends_with(&format!("of {n}")),
                "{line}"
            );
        }
    }
}

/// Replays run a flow again, and say nothing again.
#[test]
fn a_replay_does_not_repeat_the_log() {
    let home = home();
    deploy(&home, "forms", &["--flow", "time-and-chance"]);
    let _worker = worker(&home, &["--park", "0s"]);
    let ran = watch(&home, "time-and-chance", &["-p", "ms=1"]).ok();
    let told = ran.stderr.matches("after").count();
    assert_eq!(told, 2, "one line of the task, one of how it ended: {ran}");
}

/// `--follow` begins before there is anything, and ends with the run.
#[test]
fn a_log_can_be_followed_to_its_end() {
    let home = home();
    deploy(&home, "forms", &["--flow", "says-things"]);
    let run = start(&home, "says-things", &[]);
    let (text_log, json_log) = thread::scope(|scope| {
        let text = scope.spawn(|| home.run(["flow-run", "logs", "--follow", &run]));
        let json = scope.spawn(|| home.run(["flow-run", "logs", "--follow", &run, "-o", "json"]));
        let worker = worker(&home, &[]);
        let logs = (text.join().unwrap().ok(), json.join().unwrap().ok());
        drop(worker);
        logs
    });
    assert_eq!(
        text_log.stdout,
        home.run(["flow-run", "logs", &run]).ok().stdout
    );
    assert_eq!(text_log.stdout.lines().count(), 7);
    for line in json_log.stdout.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["flow_run"], run.as_str());
    }
    assert_eq!(json_log.stdout.lines().count(), 7);
}

/// The exit code of `watch` is how the run ended; its result is all of stdout.
#[test]
fn watching_tells_how_it_ended() {
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    let _worker = worker(&home, &[]);
    let good = start(&home, "echo", &["-p", "value=hi"]);
    let bad = start(&home, "echo", &["-p", "value=hi", "-p", "fail=no luck"]);
    let _steady = steady(&home);
    wait_until(&home, &good, "COMPLETED");
    wait_until(&home, &bad, "FAILED");
    assert_cmd_snapshot!(home.cmd(["flow-run", "watch", &good]), @r#"
    success: true
    exit_code: 0
    ----- stdout -----
    "hi"

    ----- stderr -----
    [CLOCK] | STATE | Flow run '[NAME]' - Scheduled
    [CLOCK] | STATE | Flow run '[NAME]' - Pending
    [CLOCK] | STATE | Flow run '[NAME]' - Running
    [CLOCK] | STATE | Flow run '[NAME]' - Completed
    Flow run '[NAME]' completed after [SPAN]
    "#);
    assert_cmd_snapshot!(home.cmd(["flow-run", "watch", &bad]), @r"
    success: false
    exit_code: 1
    ----- stdout -----

    ----- stderr -----
    [CLOCK] | STATE | Flow run '[NAME]' - Scheduled
    [CLOCK] | STATE | Flow run '[NAME]' - Pending
    [CLOCK] | STATE | Flow run '[NAME]' - Running
    [CLOCK] | STATE | Flow run '[NAME]' - Failed: no luck
    error: flow run '[NAME]' failed after [SPAN]: no luck
    hint: `orch-host flow-run inspect [ID]` shows what it did
    ");
    let quiet = home.run(["flow-run", "watch", &good, "--quiet"]).ok();
    assert_eq!(
        (quiet.stdout.as_str(), quiet.stderr.as_str()),
        ("\"hi\"\n", "")
    );
    let run = json(&home, &["flow-run", "watch", &good]);
    assert_eq!(run["result"], "hi");
}
