//! What programs read: the shape of `-o json` of every listing. Fields are added, never
//! renamed or removed.

use std::collections::BTreeMap;

use serde_json::Value;
use test_support::Server;

use super::visitor::Visitor;
use super::{deploy, flow_runs, home, json, list, start, text, watch, worker};

/// The keys of a value with what stands below them, a list by its first entry.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let fields = object
                .iter()
                .map(|(key, value)| (key.clone(), shape(value)));
            Value::Object(fields.collect::<BTreeMap<_, _>>().into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.first().map(shape).into_iter().collect()),
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
    }
}

/// One line a key.
fn shown(value: &Value) -> String {
    serde_json::to_string_pretty(&shape(value))
        .unwrap()
        .replace('"', "")
}

#[test]
fn the_shapes_of_the_listings() {
    let home = home();
    home.run(["work-pool", "create", "unlimited"]).ok();
    home.run(["work-pool", "set-limit", "default-pool", "3"])
        .ok();
    deploy(
        &home,
        "process_item",
        &["--flow", "process-item", "--tag", "t"],
    );
    deploy(&home, "bench", &["--flow", "three-tasks", "--tag", "t"]);
    let _worker = worker(&home, &[]);
    watch(&home, "three-tasks", &[]).ok();

    let look = |command: &[&str]| shown(&json(&home, command));
    insta::assert_snapshot!(look(&["work-pool", "ls"]), @r"
    [
      {
        active: number,
        created: text,
        deployments: number,
        limit: number,
        name: text,
        paused: bool,
        ready: number,
        scheduled: number,
        workers: number
      }
    ]
    ");
    assert_eq!(
        look(&["work-pool", "ls"]),
        format!(
            "[\n{}\n]",
            indented(&look(&["work-pool", "inspect", "default-pool"]))
        )
    );
    insta::assert_snapshot!(look(&["worker", "ls"]), @r"
    [
      {
        heartbeat: text,
        host: text,
        id: text,
        lease_until: text,
        limit: number,
        name: text,
        pid: number,
        pool: text,
        started: text,
        usage: {
          descriptors: {
            limit: number,
            used: number
          },
          flows: {
            limit: number,
            used: number
          },
          memory: {
            limit: number,
            used: number
          },
          memory_peak: number,
          tasks: {
            limit: number,
            used: number
          },
          threads: number
        },
        version: text
      }
    ]
    ");
    insta::assert_snapshot!(look(&["deployment", "ls"]), @r"
    [
      {
        component: text,
        created: text,
        description: text,
        grants: {},
        name: text,
        parameters: {},
        pool: text,
        tags: [
          text
        ],
        updated: text
      }
    ]
    ");
    insta::assert_snapshot!(look(&["flow-run", "ls"]), @r"
    [
      {
        attempt: number,
        component: text,
        created: text,
        deployment: text,
        duration_ms: number,
        earlier_attempts_ms: number,
        ended: text,
        failure: null,
        flow: text,
        id: text,
        name: text,
        parameters: {},
        parent: null,
        pool: text,
        priority: number,
        result: number,
        scheduled: text,
        started: text,
        state: {
          at: text,
          name: text,
          type: text
        },
        tags: [
          text
        ],
        within: null,
        work_queue: null
      }
    ]
    ");
    insta::assert_snapshot!(look(&["task-run", "ls"]), @r"
    [
      {
        attempt: number,
        attempts: [
          {
            duration_ms: number,
            ended: text,
            failure: null,
            number: number,
            result: text,
            started: text,
            worker: text
          }
        ],
        duration_ms: number,
        ended: text,
        flow_run: text,
        history: [
          {
            at: text,
            name: text,
            type: text
          }
        ],
        id: text,
        name: text,
        retry_at: null,
        seq: number,
        started: text,
        state: {
          at: text,
          name: text,
          type: text
        },
        tags: [],
        task: text,
        worker: text
      }
    ]
    ");
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is looked at one by one has all that a listing has, and more.
#[test]
fn the_shapes_of_single_things() {
    let home = home();
    deploy(&home, "bench", &[]);
    let _worker = worker(&home, &[]);
    watch(&home, "three-tasks", &[]).ok();
    let run = &flow_runs(&home, &[])[0];
    let inspected = json(
        &home,
        &["flow-run", "inspect", text(&run["id"]), "--journal"],
    );
    for (key, value) in run.as_object().unwrap() {
        assert_eq!(&inspected[key], value, "{key}");
    }
    assert_eq!(inspected["history"].as_array().unwrap().len(), 4);
    assert_eq!(inspected["task_runs"].as_array().unwrap().len(), 3);
    assert_eq!(inspected["children"], serde_json::json!({}));
    insta::assert_snapshot!(shown(&inspected["journal"][0]), @r"
    {
      answer: {
        task-run: {
          id: text
        }
      },
      at: text,
      call: {
        task: {
          arguments: [
            [
              text
            ]
          ],
          options: {},
          task: text
        }
      },
      seq: number,
      settled: [
        text
      ]
    }
    ");

    let deployment = json(&home, &["deployment", "inspect", "three-tasks"]);
    assert_eq!(deployment["flow"]["name"], "three-tasks");
    let component = json(&home, &["component", "ls"])[0].clone();
    let digest = text(&component["digest"]);
    assert_eq!(
        json(&home, &["component", "inspect", &digest[..12]]),
        component
    );
}

/// A run that failed says why where one that completed has its result.
#[test]
fn a_failed_run_has_a_failure() {
    let home = home();
    deploy(&home, "forms", &["--flow", "fails"]);
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "fails", &["-o", "json"]).fails(1);
    let run = ran.json();
    assert_eq!(run["state"]["type"], "FAILED");
    assert_eq!(run["result"], Value::Null);
    insta::assert_snapshot!(shown(&run["failure"]), @r"
    {
      kind: text,
      message: text
    }
    ");
}

/// A home without anything has empty lists, and tables that say what to do.
#[test]
fn nothing_is_an_empty_list() {
    let home = home();
    for command in ["deployment", "flow-run", "task-run", "component", "worker"] {
        assert_eq!(
            json(&home, &[command, "ls"]),
            serde_json::json!([]),
            "{command}"
        );
        let table = home.run([command, "ls"]).ok();
        assert_eq!(table.stdout, "", "{table}");
        assert!(!table.stderr.is_empty(), "{table}");
    }
}

#[test]
fn a_listing_can_be_narrowed() {
    let home = home();
    deploy(&home, "bench", &[]);
    home.run(["work-pool", "pause", "default-pool"]).ok();
    let first = start(&home, "empty", &["--tag", "red"]);
    start(&home, "three-tasks", &["--tag", "blue"]);
    let count = |more: &[&str]| flow_runs(&home, more).len();
    assert_eq!(count(&[]), 2);
    assert_eq!(count(&["--flow", "empty"]), 1);
    assert_eq!(count(&["--tag", "blue"]), 1);
    assert_eq!(count(&["--state", "scheduled"]), 2);
    assert_eq!(count(&["--state", "running"]), 0);
    assert_eq!(count(&["--deployment", "empty/empty-deployment"]), 1);
    assert_eq!(count(&["--pool", "other"]), 0);
    assert_eq!(count(&["--parent", &first]), 0);
    let newest = json(&home, &["flow-run", "ls", "--limit", "1"]);
    assert_eq!(newest[0]["flow"], "three-tasks");

    // Values of one filter are alternatives.
    assert_eq!(count(&["--tag", "blue", "--tag", "red"]), 2);
    assert_eq!(count(&["--flow", "empty", "--flow", "three-tasks"]), 2);
    assert_eq!(count(&["--flow", "empty", "--tag", "blue"]), 0);
    assert_eq!(count(&["--state", "Late", "--state", "suspended"]), 0);
    assert_eq!(count(&["--since", "1h"]), 2);
    assert_eq!(count(&["--until", "1h"]), 0);
    assert_eq!(count(&["--since", "2020-01-01 00:00", "--until", "0s"]), 2);
    assert_eq!(count(&["--text", &first]), 1);
    let name = text(&newest[0]["name"]).to_uppercase();
    assert_eq!(count(&["--text", &name[1..]]), 1);
}

#[test]
fn task_runs_can_be_narrowed() {
    let home = home();
    deploy(&home, "bench", &["--flow", "three-tasks"]);
    let _worker = worker(&home, &[]);
    watch(&home, "three-tasks", &[]).ok();
    let tasks = list(&home, &["task-run", "ls"]);
    assert_eq!(tasks.len(), 3);
    let count = |more: &[&str]| list(&home, &[&["task-run", "ls"], more].concat()).len();
    let [task, name] = ["task", "name"].map(|field| text(&tasks[1][field]));
    let same = tasks.iter().filter(|other| other["task"] == task).count();
    assert_eq!(count(&["--task", task]), same);
    assert_eq!(count(&["--task", "none"]), 0);
    assert_eq!(count(&["--text", name]), 1);
    assert_eq!(count(&["--text", text(&tasks[2]["id"])]), 1);
    assert_eq!(count(&["--state", "completed", "--state", "TimedOut"]), 3);
    assert_eq!(count(&["--state", "TimedOut"]), 0);
    assert_eq!(list(&home, &["task-run", "ls", "--limit", "1"]), tasks[2..]);
}

#[test]
fn a_wrong_filter_is_told_at_its_field_and_keeps_what_was_typed() {
    let home = home();
    let server = Server::start(&home, &[]);
    let visitor = Visitor::new(&server, &server.token);
    let page = visitor.get("/flow-runs?state=DONE&since=soon&flow=etl");
    assert_eq!(page.status, 400);
    let page = page.text();
    for part in [
        r#"<span class="field-error" id="e-state">"#,
        r#"id="filter-since" value="soon""#,
        r#"aria-invalid="true" aria-describedby="e-since""#,
        r#"<span class="field-error" id="e-since">`soon` is no time"#,
        r##"<a href="#filter-since">"##,
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // What is right is not marked.
    assert!(!page.contains("e-flow"), "{page}");
}
