//! Work pools: a run that waits for capacity waits before it is claimed.

use std::fs;

use serde_json::{Value, json};
use test_support::{Home, eventually};

use super::server::Server;
use super::{SOON, deploy, everything, flow_runs, home, inspect, json, start, text, watch, worker};

fn pool(home: &Home) -> Value {
    json(home, &["work-pool", "inspect", "default-pool"])
}

#[test]
fn nesting_of_any_depth_works_with_limits_of_one() {
    let home = home();
    home.run(["work-pool", "create", "narrow", "--limit", "1"])
        .ok();
    deploy(&home, "nesting", &["--pool", "narrow"]);
    // What waits in memory for an hour has given its slot back all the same.
    let _worker = home
        .worker(["--pool", "narrow", "--limit", "1", "--park", "1h"])
        .wait_until_ready();
    let ran = watch(&home, "nest", &["-p", "depth=10"]).ok();
    assert_eq!(ran.stdout, "10\n");
    let runs = flow_runs(&home, &["--state", "COMPLETED"]);
    assert_eq!(runs.len(), 11);
}

#[test]
fn a_paused_pool_gives_nothing_until_it_is_resumed() {
    let home = home();
    deploy(&home, "bench", &[]);
    home.run(["work-pool", "pause", "default-pool"]).ok();
    let worker = worker(&home, &[]);
    assert!(worker.stderr().contains("is paused"), "{}", worker.stderr());
    let run = start(&home, "empty", &[]);
    assert_eq!(pool(&home)["ready"], json!(1));
    assert_eq!(inspect(&home, &run)["state"]["type"], "SCHEDULED");
    home.run(["work-pool", "resume", "default-pool"]).ok();
    super::wait_until(&home, &run, "COMPLETED");
    assert_eq!(pool(&home)["ready"], json!(0));
}

/// When a run was running, from and until, by its history.
fn spans(run: &Value) -> Vec<(String, String)> {
    let history = run["history"].as_array().unwrap();
    history
        .windows(2)
        .filter(|pair| pair[0]["type"] == "RUNNING")
        .map(|pair| {
            (
                text(&pair[0]["at"]).to_owned(),
                text(&pair[1]["at"]).to_owned(),
            )
        })
        .collect()
}

/// Times as they are written sort as texts.
fn most_at_once(spans: &[(String, String)]) -> usize {
    let at_once = |at: &String| {
        let others = spans
            .iter()
            .filter(|(from, until)| from <= at && at < until);
        others.count()
    };
    spans.iter().map(|(from, _)| at_once(from)).max().unwrap()
}

#[test]
fn a_limit_is_kept_over_all_workers() {
    let home = home();
    deploy(&home, "bench", &[]);
    home.run(["work-pool", "set-limit", "default-pool", "2"])
        .ok();
    let _workers = [worker(&home, &["--limit", "9"]), worker(&home, &[])];
    fs::write(home.path().join("runs"), "{\"ms\": 100}\n".repeat(8)).unwrap();
    watch(&home, "working", &["--from-file", "runs"]).ok();
    let runs = flow_runs(&home, &[]);
    let spans: Vec<_> = runs
        .iter()
        .flat_map(|run| spans(&inspect(&home, text(&run["id"]))))
        .collect();
    assert_eq!(spans.len(), 8);
    assert!(most_at_once(&spans) <= 2, "{spans:#?}");

    // Without it, they all run at the same time, or the story above would tell nothing.
    home.run(["work-pool", "set-limit", "default-pool", "none"])
        .ok();
    fs::write(home.path().join("more"), "{\"ms\": 3600000}\n".repeat(8)).unwrap();
    home.run(["deployment", "run", "working", "--from-file", "more"])
        .ok();
    eventually(SOON, || {
        flow_runs(&home, &["--state", "RUNNING"]).len() == 8
    });
}

#[test]
fn a_pool_in_use_is_not_deleted() {
    let home = home();
    home.run(["work-pool", "create", "gpu"]).ok();
    deploy(&home, "bench", &["--flow", "empty", "--pool", "gpu"]);
    start(&home, "empty", &[]);
    let before = everything(&home);
    let _steady = super::steady(&home);
    insta_cmd::assert_cmd_snapshot!(home.cmd(["work-pool", "delete", "gpu"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: work pool `gpu` is still used by 1 deployment and 1 unfinished run
    hint: move or delete its deployments and let its runs end: `orch-host flow-run ls --pool gpu`
    ");
    insta_cmd::assert_cmd_snapshot!(home.cmd(["work-pool", "create", "gpu"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: work pool `gpu` exists already
    hint: `orch-host work-pool set-limit gpu N` changes its limit
    ");
    assert_eq!(everything(&home), before);

    // Without the deployment it is still used by the run.
    home.run(["deployment", "delete", "empty/empty-deployment"])
        .ok();
    home.run(["work-pool", "delete", "gpu"]).fails(2);
    let worker = home.worker(["--pool", "gpu"]).wait_until_ready();
    eventually(SOON, || {
        flow_runs(&home, &["--state", "COMPLETED"]).len() == 1
    });
    worker.sigint();
    assert_eq!(worker.wait(), 0);
    home.run(["work-pool", "delete", "gpu"]).ok();
}

/// So that a worker that has room for it could take it.
#[test]
fn what_has_no_room_in_a_worker_is_not_claimed() {
    let (server, home) = Server::granted();
    let mut runs = vec![server.ask(&home, "ask"), server.ask(&home, "ask")];
    let _worker = worker(&home, &["--limit", "1"]);
    let call = server.call();
    runs.push(server.ask(&home, "ask"));
    // A claim would have come with the one that executes, or with what made it ready.
    let scheduled = flow_runs(&home, &["--state", "SCHEDULED"]);
    assert_eq!(scheduled.len(), 2, "{scheduled:?}");
    call.answer("one");
    for _ in 1..runs.len() {
        server.call().answer("another");
    }
    for run in &runs {
        super::wait_until(&home, run, "COMPLETED");
        let history = &inspect(&home, run)["history"];
        assert_eq!(history.as_array().unwrap().len(), 4, "{history}");
    }
}
