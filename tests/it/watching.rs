//! Those who watch the server: figures, the dashboard that shows them, the documentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use test_support::Server;

use super::{deploy, home, text, watch};

/// The names of the figures in a text, such as `orch_writer_batches_total`.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    words.filter(|word| word.starts_with("orch_")).collect()
}

#[test]
fn figures_tell_of_runs_pools_the_writer_and_requests() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &["--worker"]);
    watch(&home, "direct-call", &[]).ok();
    server.get("/v1/whoami");
    server.ask("GET", "/v1/nothing").send();
    let answer = server.ask("GET", "/metrics").send().ok();
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let figures = answer.text();
    assert!(figures.ends_with("# EOF\n"), "{figures}");
    for line in [
        "orch_flow_runs_ended_total{flow=\"direct-call\",state=\"COMPLETED\"} 1",
        "orch_work_pool_workers{pool=\"default-pool\"} 1.0",
        "orch_http_requests_total{operation=\"get_whoami\",status=\"200\"} 1",
        "orch_flow_run_lateness_seconds 0.0",
        "orch_flow_runs_unfinished{state=\"RUNNING\"} 0.0",
    ] {
        assert!(
            figures.lines().any(|found| found == line),
            "{line}\n{figures}"
        );
    }
    let value = |name: &str| -> f64 {
        let mut lines = figures.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap().parse().unwrap()
    };
    // The worker has let go of what it had, or holds it for a moment more.
    let peak = value("orch_guest_memory_peak_bytes");
    assert!(peak > 0.0 && value("orch_guest_memory_bytes") <= peak);
    assert!(value("orch_guest_memory_limit_bytes") > peak);
    let batches = figures
        .lines()
        .find_map(|line| line.strip_prefix("orch_writer_batches_total "));
    assert!(batches.unwrap().parse::<u64>().unwrap() > 0);
    // What is asked by strangers, or in vain, is no label.
    assert!(!figures.contains("nothing"), "{figures}");
    server
        .plain("GET", "/metrics")
        .send()
        .problem(401, "unauthenticated");
}

#[test]
fn the_dashboard_shows_figures_that_there_are() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &["--worker"]);
    watch(&home, "direct-call", &[]).ok();
    home.run(["work-pool", "set-limit", "default-pool", "7"])
        .ok();
    server.get("/v1/whoami");
    let figures = server.ask("GET", "/metrics").send().ok().text();
    let there = names(&figures);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json");
    let dashboard = fs::read_to_string(path).unwrap();
    let panels: Value = serde_json::from_str(&dashboard).unwrap();
    assert!(panels["panels"].as_array().unwrap().len() > 10);
    let shown = names(&dashboard);
    let missing: Vec<_> = shown.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_documentation_has_every_operation_and_every_kind_of_problem() {
    let home = home();
    let server = Server::start(&home, &[]);
    let document = server.plain("GET", "/openapi.json").send().ok().json();
    let page = server.plain("GET", "/docs").send().ok().text();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = text(&operation["operationId"]);
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
    for shape in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(page.contains(&format!("id=\"shape-{shape}\"")), "{shape}");
    }
    // Every link leads somewhere, and nothing comes from elsewhere.
    for anchor in page.split("href=\"#").skip(1) {
        let anchor = anchor.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
    }
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));

    let problem = server.ask("GET", "/v1/work-pools/gpu").send().json();
    let (path, anchor) = text(&problem["type"]).split_once('#').unwrap();
    let kinds = server.plain("GET", path).send().ok().text();
    assert!(kinds.contains(&format!("id=\"{anchor}\"")), "{anchor}");
}
