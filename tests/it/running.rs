//! `run`: executes a flow in the command's process, without deploying it first, and says when
//! the flow needs a worker.

use std::thread;

use insta_cmd::assert_cmd_snapshot;
use test_support::{eventually, guest};

use super::{SOON, deploy, flow_runs, home, steady, worker};

#[test]
fn a_file_can_be_run_without_a_deployment() {
    let home = home();
    let _steady = steady(&home);
    let path = guest("forms").display().to_string();
    let run = |more: &[&str]| home.cmd([&["run", &path], more].concat());
    assert_cmd_snapshot!(run(&["--flow", "doubling", "-p", "n=21"]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    42

    ----- stderr -----
    Flow run '[NAME]' of `doubling` ([ID])
    [CLOCK] | INFO  | Flow run '[NAME]' - doubling 21
    Flow run '[NAME]' completed after [SPAN]
    ");
    assert_cmd_snapshot!(run(&["--flow", "fails"]), @r"
    success: false
    exit_code: 1
    ----- stdout -----

    ----- stderr -----
    Flow run '[NAME]' of `fails` ([ID])
    error: flow run '[NAME]' failed after [SPAN]: task `fail-0` failed: the flow fails by this
    hint: `orch-host flow-run inspect [ID]` shows what it did
    ");
    let runs = flow_runs(&home, &[]);
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run["deployment"].is_null()));
    assert!(super::list(&home, &["deployment", "ls"]).is_empty());
}

/// A file with several flows is run only once one is chosen.
#[test]
fn one_of_several_flows_has_to_be_chosen() {
    let home = home();
    let path = guest("etl_tasks").display().to_string();
    let bench = guest("bench").display().to_string();
    home.run(["run", &path]).ok();
    let ran = home.run(["run", &bench]).fails(2);
    assert!(ran.stderr.contains("`empty`, `fan-out`"), "{ran}");
    assert!(
        ran.stderr.contains("hint: choose one with `--flow empty`"),
        "{ran}"
    );
    assert_eq!(flow_runs(&home, &[]).len(), 1, "only the first was run");
}

/// The flow runs in this process; its children need a worker, and if there is none, the
/// command to type is said.
#[test]
fn children_that_nobody_works_on_are_told_of() {
    let home = home();
    deploy(&home, "forms", &[]);
    let log = home.path().join("said");
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            let said = std::fs::File::create(&log).unwrap();
            home.cmd(["run", "runs-and-waits"])
                .stderr(said)
                .output()
                .unwrap()
        });
        let hint = "hint: start one in another terminal: `orch-host worker --pool default-pool`";
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        eventually(SOON, || said().contains(hint));
        assert!(said().contains("warning: no worker pulls from work pool `default-pool`"));
        let worker = worker(&home, &[]);
        let ran = run.join().unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "\"hi\"\n");
        assert_eq!(said().matches("hint: start one").count(), 1, "{}", said());
        drop(worker);
    });
}

/// Many runs of one deployment from a file of parameters: all, or none.
#[test]
fn many_runs_start_from_a_file_or_none() {
    let home = home();
    deploy(&home, "forms", &["--flow", "doubling"]);
    let _worker = worker(&home, &[]);
    let file = home.path().join("runs.jsonl");
    let run = |lines: &str| {
        std::fs::write(&file, lines).unwrap();
        home.run([
            "deployment",
            "run",
            "doubling",
            "--watch",
            "--from-file",
            "runs.jsonl",
        ])
    };
    let ran = run("{\"n\": 1}\n{\"n\": \"two\"}\n").fails(2);
    assert!(
        ran.stderr
            .contains("line 2 of `runs.jsonl`: parameter `n` is"),
        "{ran}"
    );
    assert!(flow_runs(&home, &[]).is_empty());
    assert_eq!(run("{\"n\": 1}\n\n{\"n\": 2}\n").ok().stdout, "2\n4\n");
}

/// One key, one run.
#[test]
fn an_idempotency_key_starts_one_run() {
    let home = home();
    deploy(&home, "bench", &[]);
    let start = || super::start(&home, "empty", &["--idempotency-key", "today"]);
    assert_eq!(start(), start());
    assert_eq!(flow_runs(&home, &[]).len(), 1);
}
