//! The examples: an orchestrator that fans work out to a pool, and tasks that fetch from a server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_support::Group;

use super::{deploy, flow_runs, home, text, worker};

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

/// The server of the example `fetch_pages`.
struct Shop {
    url: String,
    _process: Group,
}

impl Shop {
    fn open(token: &str) -> Self {
        // Whoever tests the whole workspace has built it.
        let built = Path::new(env!("CARGO_BIN_EXE_orch-host")).parent().unwrap();
        let program = built.join("examples/shop");
        assert!(
            program.exists(),
            "`cargo build -p fetch_pages --example shop` makes {}",
            program.display()
        );
        let mut command = Command::new(program);
        command.args([token, "0"]).stdout(Stdio::piped());
        let mut process = Group::spawn(&mut command).unwrap();
        let mut url = String::new();
        let said = process.child.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut url).unwrap();
        Self {
            url: url.trim().to_owned(),
            _process: process,
        }
    }
}

#[test]
fn pages_are_fetched_with_a_secret_and_shown_as_a_table() {
    let token = "open-sesame-4711";
    let shop = Shop::open(token);
    let home = home();
    let granted = shop.url.strip_prefix("http://").unwrap();
    deploy(
        &home,
        "fetch_pages",
        &["--allow-http", granted, "--secret", "shop-token"],
    );
    let _worker = worker(&home, &[]);
    let parameter = format!("shop={}", shop.url);
    let run = ["run", "fetch-pages", "-p", &parameter];

    home.feed(["secret", "set", "shop-token"], "another-4711")
        .ok();
    let refused = home.run(run).fails(1);
    assert!(refused.stderr.contains("401"), "{refused}");

    home.feed(["secret", "set", "shop-token"], token).ok();
    let ran = home.run(run).ok();
    let summary = ran.json();
    assert_eq!(summary["total"], json!(1237.5));

    let orders = home
        .run(["artifact", "inspect", "orders", "-o", "json"])
        .ok();
    let rows = orders.json()["data"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 100);
    assert_eq!(rows[99]["total"], json!(24.75));
    let report = home
        .run(["artifact", "inspect", "report", "-o", "json"])
        .ok();
    assert!(
        text(&report.json()["data"]).contains("100 orders"),
        "{report}"
    );

    // The pages are there as they came.
    let pages = summary["pages"].as_array().unwrap();
    assert_eq!(pages.len(), 4);
    let page = home.run(["blob", "get", text(&pages[3]["$blob"])]).ok();
    assert_eq!(page.json()["orders"].as_array().unwrap().len(), 25);
}
