//! No statement of a worker, a command or a page reads a large table from end to end: PostgreSQL
//! itself tells how it did each of them, so that none can be forgotten.

use std::collections::BTreeMap;

use serde_json::Value;
use test_support::{Database, Home, Server, cluster};

use super::load::{Load, deploy_all};
use super::visitor::Visitor;
use super::{deploy, inspect, list, own_home, start, text, wait_until, worker};

/// Those that grow with the runs that there were.
const LARGE: [&str; 8] = [
    "events",
    "flow_run_specs",
    "flow_run_states",
    "flow_runs",
    "journal",
    "logs",
    "run_tallies",
    "task_runs",
];

/// Finished runs that are there.
const RUNS: u32 = 50_000;

/// Rows that a statement may look at.
const MANY: f64 = 5_000.0;

/// As many runs as this one, with all that belongs to it.
fn multiply(database: &Database, run: &str) {
    // Rows of a table with some columns changed; `copy` counts.
    let copy = |table: &str, of: &str, changes: &str| {
        let statement = format!(
            "INSERT INTO {table} OVERRIDING SYSTEM VALUE
             SELECT (jsonb_populate_record(t, jsonb_build_object({changes}))).*
             FROM {table} t, generate_series(1, {RUNS}) copy WHERE {of}"
        );
        database.sql(&format!("SET search_path = orch_host; {statement}"));
    };
    let no = format!("(SELECT no FROM flow_runs WHERE id = '{run}')");
    let id = "'id', gen_random_uuid()";
    copy("flow_run_specs", &format!("no = {no}"), "'no', 1000 + copy");
    copy(
        "flow_run_states",
        &format!("run = {no}"),
        "'run', 1000 + copy",
    );
    copy("journal", &format!("run = {no}"), "'run', 1000 + copy");
    let of = format!("journal = {no}");
    let changes = format!("{id}, 'no', 100000 * no + copy, 'journal', 1000 + copy");
    copy("task_runs", &of, &changes);
    let of = format!("run = {no}");
    // What a line's number is made of is not known here, but their order is.
    let place = "array_position((SELECT array_agg(no ORDER BY no) FROM logs), no)";
    let changes = &format!("'no', -100000 * {place} - copy, 'run', 1000 + copy");
    copy("logs", &of, changes);
    let of = "ctid = (SELECT min(ctid) FROM run_tallies)";
    copy("run_tallies", of, "'minute', minute - copy");
    let of = "no = (SELECT max(no) FROM events)";
    copy("events", of, "'no', -copy");
    let of = format!("id = '{run}'");
    copy("flow_runs", &of, &format!("{id}, 'no', 1000 + copy"));
    database.sql("SELECT setval('orch_host.run_numbers', 100000)");
    database.sql("ALTER SEQUENCE orch_host.task_runs_no_seq RESTART 1000000000");
    database.sql("VACUUM ANALYZE");
    for table in LARGE {
        let rows = database.sql(&format!("SELECT count(*) FROM orch_host.{table}"));
        assert!(
            rows.trim().parse::<u32>().unwrap() >= RUNS,
            "{table}: {rows}"
        );
    }
}

/// From now on, new sessions log how each statement is done.
fn explain(database: &Database) {
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_format", "json"),
        // A table that has become small meanwhile may be read as a whole sooner than by way of an
        // index. What is read as a whole nevertheless has no index.
        ("enable_seqscan", "off"),
    ];
    for (setting, value) in settings {
        let name = database.name();
        database.sql(&format!("ALTER DATABASE {name} SET {setting} = '{value}'"));
    }
}

/// The plans in a server's log: each is on the lines after `plan:`, which begin with a tab.
fn plans(log: &str) -> Vec<Value> {
    let mut lines = log.lines().peekable();
    let mut plans = Vec::new();
    while let Some(line) = lines.next() {
        if !line.contains("LOG:  duration: ") || !line.ends_with(" plan:") {
            continue;
        }
        let mut plan = String::new();
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            plan.push_str(more.trim_start_matches('\t'));
            plan.push('\n');
        }
        plans.push(serde_json::from_str(&plan).unwrap_or_else(|err| panic!("{err}: {plan}")));
    }
    plans
}

/// The large tables that a part of a plan reads from end to end, or of which it reads a lot by way of
/// an index.
fn read_whole(part: &Value, found: &mut Vec<String>) {
    let number = |name: &str| part[name].as_f64().unwrap_or(0.0);
    let looked_at = number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Index Recheck");
    let rows = looked_at * number("Actual Loops");
    let table = part["Relation Name"].as_str().unwrap_or_default();
    let kind = text(&part["Node Type"]);
    if LARGE.contains(&table) && (kind == "Seq Scan" || rows > MANY) {
        found.push(format!("{kind} of {table}, {rows} rows"));
    }
    for part in part["Plans"].as_array().into_iter().flatten() {
        read_whole(part, found);
    }
}

/// What users do all day.
fn a_day(home: &Home, server: &Server) {
    let mut load = Load::default();
    // A statement that was prepared is planned for good after it was done a few times.
    for _ in 0..8 {
        load.more(home);
    }
    let waits = start(home, "sleeper", &["-p", "ms=600000"]);
    let later = start(home, "sleeper", &["--in", "1h", "-p", "ms=1"]);
    wait_until(home, &waits, "WAITING");
    for run in [&waits, &later] {
        home.run(["flow-run", "pause", run]);
        home.run(["flow-run", "resume", run]);
        home.run(["flow-run", "cancel", run]).ok();
        wait_until(home, run, "CANCELLED");
    }
    home.run(["flow-run", "retry", &waits]).ok();
    home.run(["flow-run", "cancel", &waits]).ok();
    for run in &load.acknowledged {
        wait_until(home, run, "COMPLETED");
    }

    let visitor = Visitor::new(server, &server.token);
    let run = &load.acknowledged[0];
    let ls = |of: &str, filters: &[&str]| {
        list(home, &[&[of, "ls", "--limit", "20"], filters].concat());
    };
    for _ in 0..8 {
        ls("flow-run", &[]);
        ls("flow-run", &["--state", "running"]);
        ls("flow-run", &["--state", "failed"]);
        for flow in ["nest", "says-things", "three-tasks", "fan-out"] {
            ls("flow-run", &["--flow", flow]);
        }
        ls(
            "flow-run",
            &["--state", "completed", "--flow", "three-tasks"],
        );
        ls("task-run", &[]);
        ls("task-run", &["--flow-run", run]);
        inspect(home, run);
        home.run(["flow-run", "logs", run]).ok();
        for what in [
            "",
            "/logs",
            "/journal",
            "/history",
            "/children",
            "/task-runs",
            "/events",
        ] {
            server.get(&format!("/v1/flow-runs/{run}{what}"));
        }
        for path in [
            "flow-runs/tallies",
            "events",
            "flow-runs?limit=20",
            "deployments",
        ] {
            server.get(&format!("/v1/{path}"));
        }
        for page in ["/", "/flow-runs", "/deployments", "/work-pools", "/events"] {
            let answer = visitor.get(page);
            assert_eq!(answer.status, 200, "{page}: {}", answer.text());
        }
        let page = format!("/flow-runs/{run}");
        assert_eq!(visitor.get(&page).status, 200);
    }
}

#[test]
fn no_statement_reads_a_large_table_from_end_to_end() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.database();
    let home = own_home().with_database(database.url());
    deploy_all(&home);
    deploy(&home, "bench", &[]);
    deploy(&home, "forms", &[]);
    {
        let _worker = worker(&home, &[]);
        let first = start(&home, "says-things", &[]);
        wait_until(&home, &first, "COMPLETED");
        // And a flow that has run once, before all others.
        let rare = start(&home, "three-tasks", &[]);
        wait_until(&home, &rare, "COMPLETED");
        multiply(&database, &first);
    }
    explain(&database);
    let _worker = worker(&home, &["--lease", "3s"]);
    a_day(&home, &Server::start(&home, &[]));

    let plans = plans(&cluster.log());
    let mut whole = BTreeMap::<String, Vec<String>>::new();
    let mut statements = 0;
    for plan in &plans {
        statements += 1;
        let mut found = Vec::new();
        read_whole(&plan["Plan"], &mut found);
        if !found.is_empty() {
            whole.insert(text(&plan["Query Text"]).to_owned(), found);
        }
    }
    // It has told of the statements of both, and of those that claim.
    assert!(statements > 500, "{statements}");
    let claims = |plan: &&Value| text(&plan["Query Text"]).contains("SKIP LOCKED");
    assert!(plans.iter().any(|plan| claims(&plan)));
    assert!(whole.is_empty(), "{whole:#?}");
}
