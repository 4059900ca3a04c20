//! What a run went through stays visible, whatever became of it: each attempt with its worker
//! and its cause, each wait with what it was for.

use serde_json::{Value, json};
use test_support::{Server, eventually};

use super::visitor::Visitor;
use super::{SOON, deploy, flow_runs, home, inspect, start, state, task_runs, text, watch, worker};

/// The lines of a history, as `AwaitingRetry 1 w1 why`, by what they say.
fn lines(history: &Value) -> Vec<String> {
    let line = |line: &Value| {
        let mut said = format!("{} {}", text(&line["name"]), line["attempt"]);
        for more in [&line["worker"]["name"], &line["cause"]["message"]] {
            if let Value::String(more) = more {
                said.push(' ');
                said.push_str(more);
            }
        }
        said
    };
    history.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn the_reasons_of_failed_attempts_stay_when_a_later_one_succeeds() {
    let home = home();
    deploy(&home, "retries", &[]);
    let server = Server::start(&home, &[]);
    let _worker = worker(&home, &["--name", "w1"]);
    watch(&home, "flaky-flow", &["-p", "failures=2"]).ok();
    let id = flow_runs(&home, &[])[0]["id"].clone();
    let details = inspect(&home, text(&id));
    let run = text(&details["id"]);
    let why = |attempt: u32| format!("attempt {attempt} of the flow was to fail");

    // On the command line.
    let shown = home.run(["flow-run", "inspect", run]).ok().stdout;
    let attempts = shown.split("\nAttempts\n").nth(1).expect("a section");
    let attempts = attempts.split("\n\n").next().unwrap();
    let attempts: Vec<&str> = attempts.lines().skip(1).collect();
    assert_eq!(attempts.len(), 3, "{shown}");
    for (line, number) in attempts.iter().zip(1..) {
        assert!(line.starts_with(&number.to_string()), "{shown}");
        assert!(line.contains("w1"), "{shown}");
        assert_eq!(line.ends_with(&why(number)), number < 3, "{shown}");
    }

    // In JSON, and by the API.
    let expect = [
        "Scheduled 0".to_owned(),
        "Pending 1 w1".to_owned(),
        "Running 1".to_owned(),
        format!("AwaitingRetry 1 {}", why(1)),
        "Pending 2 w1".to_owned(),
        "Retrying 2".to_owned(),
        format!("AwaitingRetry 2 {}", why(2)),
        "Pending 3 w1".to_owned(),
        "Retrying 3".to_owned(),
        "Completed 3".to_owned(),
    ];
    assert_eq!(lines(&details["history"]), expect);
    let history = server.get(&format!("/v1/flow-runs/{run}/history"));
    assert_eq!(history["items"], details["history"]);
    let asked = server.get(&format!("/v1/flow-runs/{run}"));
    assert_eq!(asked["attempts"], details["attempts"]);
    let causes = |of: &Value| -> Vec<Value> {
        let attempts = of["attempts"].as_array().unwrap().iter();
        attempts
            .map(|it| it["failure"]["message"].clone())
            .collect()
    };
    assert_eq!(causes(&asked), [json!(why(1)), json!(why(2)), Value::Null]);

    // On the page.
    let visitor = Visitor::new(&server, &server.token);
    let page = visitor.get(&format!("/flow-runs/{run}?tab=history"));
    let page = page.ok().text();
    assert!(page.contains(&why(1)) && page.contains(&why(2)), "{page}");
    assert!(page.contains("<td>w1</td>"), "{page}");
}

#[test]
fn each_attempt_of_a_task_keeps_its_cause() {
    let home = home();
    deploy(&home, "retries", &[]);
    let server = Server::start(&home, &[]);
    let _worker = worker(&home, &["--name", "w1"]);
    watch(&home, "flaky-task", &["-p", "failures=2"]).ok();
    let runs = flow_runs(&home, &[]);
    let task = &task_runs(&home, text(&runs[0]["id"]))[0];
    let id = text(&task["id"]);
    let attempts = task["attempts"].as_array().unwrap();
    let results: Vec<&str> = attempts.iter().map(|it| text(&it["result"])).collect();
    assert_eq!(results, ["failed", "failed", "succeeded"]);
    assert_eq!(attempts[1]["failure"]["message"], "attempt 2 was to fail");
    assert_eq!(&server.get(&format!("/v1/task-runs/{id}")), task);

    let visitor = Visitor::new(&server, &server.token);
    let page = visitor.get(&format!("/task-runs/{id}")).ok().text();
    assert!(page.contains("attempt 1 was to fail"), "{page}");
    assert!(page.contains("attempt 2 was to fail"), "{page}");
    assert!(page.contains("<td>w1</td>"), "{page}");
}

#[test]
fn a_worker_that_was_killed_is_named_and_its_attempt_goes_on() {
    let home = home();
    deploy(&home, "bench", &[]);
    let first = worker(&home, &["--name", "first", "--park", "1h"]);
    let run = start(&home, "sleeper", &["-p", "ms=1500"]);
    eventually(SOON, || state(&home, &run) == "WAITING");
    first.sigkill();
    let _second = worker(&home, &["--name", "second"]);
    eventually(SOON, || state(&home, &run) == "COMPLETED");
    let details = inspect(&home, &run);
    let told = lines(&details["history"]);
    assert!(told.contains(&"Pending 1 first".to_owned()), "{told:?}");
    assert!(told.contains(&"Resuming 1 second".to_owned()), "{told:?}");
    let history = details["history"].as_array().unwrap();
    let waits = history.iter().find(|line| line["name"] == "Waiting");
    let waits = &waits.expect("it waited")["waits"];
    assert_eq!(waits["first"][0]["timer"]["duration_ms"], 1500);
    assert_eq!(details["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(details["attempts"][0]["worker"]["name"], "second");
}
