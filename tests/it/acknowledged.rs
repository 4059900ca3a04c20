//! Acknowledged writes survive: every process that has the database open is killed at the
//! moment when a command or a listing has reported a write.
//!
//! The processes are killed, but the machine keeps its power. `outside.rs` tests that the log is
//! synced first.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Home, eventually};

use super::{SOON, deploy, flow_runs, home, start, task_runs, text, worker};

/// Bounded by both, whichever comes first.
const ROUNDS: usize = 30;
const ENOUGH: Duration = Duration::from_secs(12);
const AT_LEAST: usize = 5;

/// Starts a run and gives its id as soon as the command has printed it, with the command,
/// which may still be at work.
fn acknowledge(home: &Home, flow: &str, more: &[&str]) -> (Child, String) {
    let args = [&["deployment", "run", flow, "--quiet"], more].concat();
    let mut command = home.cmd(args);
    let mut command = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut id = String::new();
    BufReader::new(command.stdout.take().unwrap())
        .read_line(&mut id)
        .unwrap();
    assert!(id.ends_with('\n'), "no id: {id:?}");
    (command, id.trim().to_owned())
}

#[test]
fn an_acknowledged_run_survives_a_kill_right_after() {
    let home = home();
    deploy(&home, "bench", &[]);
    let mut acknowledged = Vec::new();
    let begin = Instant::now();
    for round in 0..ROUNDS {
        if round >= AT_LEAST && begin.elapsed() > ENOUGH {
            break;
        }
        // Every other time nobody else has the database open, so that the command is the one
        // who makes its log, and would tidy up after itself.
        let worker = (round % 2 == 0).then(|| worker(&home, &["--park", "10ms"]));
        let (flow, more) = match round % 3 {
            0 => ("three-tasks", &[][..]),
            1 => ("fan-out", &["-p", "n=3"][..]),
            _ => ("sleeper", &["-p", "ms=20"][..]),
        };
        let (mut command, id) = acknowledge(&home, flow, more);
        let _ = command.kill();
        if let Some(worker) = worker {
            worker.sigkill();
        }
        command.wait().unwrap();
        acknowledged.push((id, flow));
    }
    println!("{} runs acknowledged", acknowledged.len());

    let _worker = worker(&home, &[]);
    let unfinished = || {
        flow_runs(&home, &[])
            .iter()
            .any(|run| run["ended"].is_null())
    };
    eventually(SOON, || !unfinished());
    let runs = flow_runs(&home, &[]);
    let (children, started): (Vec<&Value>, _) = runs.iter().partition(|run| run["flow"] == "empty");
    let started: Vec<&Value> = started;
    assert_eq!(started.len(), acknowledged.len(), "each once, and no other");
    for (id, flow) in &acknowledged {
        let run = started.iter().find(|run| run["id"] == **id);
        let run = run.unwrap_or_else(|| panic!("{flow} {id} is gone"));
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
        let of = |child: &&&Value| child["parent"] == **id;
        let (expect, result) = match *flow {
            "three-tasks" => (0, Value::from(3)),
            "fan-out" => (3, Value::from(3)),
            _ => (0, Value::Null),
        };
        assert_eq!(children.iter().filter(of).count(), expect, "{run}");
        assert_eq!(run["result"], result, "{run}");
        if *flow == "three-tasks" {
            let tasks = task_runs(&home, id);
            assert!(tasks.len() == 3 && tasks.iter().all(|task| task["attempt"] == 1));
        }
    }
}

/// What has ended, by its id, with everything that is known of it.
fn ended(home: &Home) -> BTreeMap<String, Value> {
    let args = ["--state", "COMPLETED"];
    let runs = flow_runs(home, &args);
    runs.into_iter()
        .map(|run| (text(&run["id"]).to_owned(), run))
        .collect()
}

#[test]
fn what_was_shown_as_completed_stays_so() {
    let home = home();
    deploy(&home, "bench", &[]);
    let begin = Instant::now();
    let mut shown = BTreeMap::new();
    for round in 0..ROUNDS {
        if round >= AT_LEAST && begin.elapsed() > ENOUGH {
            break;
        }
        for _ in 0..3 {
            start(&home, "serial", &["-p", "n=20"]);
        }
        let worker = worker(&home, &[]);
        let known = shown.len();
        let mut now = BTreeMap::new();
        eventually(SOON, || {
            now = ended(&home);
            now.len() > known
        });
        worker.sigkill();
        for (id, run) in &shown {
            assert_eq!(now.get(id), Some(run), "shown before");
        }
        shown = now;
        let after = ended(&home);
        for (id, run) in &shown {
            assert_eq!(after.get(id), Some(run), "after the kill");
        }
    }
    let tasks: BTreeMap<&String, Vec<Value>> =
        shown.keys().map(|id| (id, task_runs(&home, id))).collect();
    let _worker = worker(&home, &[]);
    // A run that was there at too many of the kills ends as crashed; it was never shown.
    eventually(SOON, || {
        flow_runs(&home, &[])
            .iter()
            .all(|run| !run["ended"].is_null())
    });
    let last = ended(&home);
    for (id, run) in &shown {
        assert_eq!(last.get(id), Some(run), "at last");
        assert_eq!(
            task_runs(&home, id),
            tasks[id],
            "its tasks did not run again"
        );
    }
}
