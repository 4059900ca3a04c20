//! Work pools: what waits for capacity waits before it is claimed.

use serde_json::json;

use super::{deploy, flow_runs, home, worker};

#[test]
fn nesting_of_any_depth_works_with_limits_of_one() {
    let home = home();
    home.run(["work-pool", "create", "narrow", "--limit", "1"])
        .ok();
    deploy(&home, "nesting", &["--pool", "narrow"]);
    let _worker = home
        .worker(["--pool", "narrow", "--limit", "1"])
        .wait_until_ready();
    let args = [
        "deployment",
        "run",
        "nest/nest-deployment",
        "-p",
        "depth=10",
        "--watch",
    ];
    home.run(args).ok();
    let runs = flow_runs(&home, &[]);
    assert_eq!(runs.len(), 11);
    assert!(runs.iter().all(|run| run["state"]["type"] == "COMPLETED"));
}

#[test]
fn a_paused_pool_gives_nothing_until_it_is_resumed() {
    let home = home();
    deploy(&home, "bench", &[]);
    home.run(["work-pool", "pause", "default-pool"]).ok();
    let _worker = worker(&home, &[]);
    home.run(["deployment", "run", "empty/empty-deployment"])
        .ok();
    let pool = || {
        home.run(["work-pool", "inspect", "default-pool", "-o", "json"])
            .ok()
            .json()
    };
    assert_eq!(pool()["ready"], json!(1));
    home.run(["work-pool", "resume", "default-pool"]).ok();
    test_support::eventually(std::time::Duration::from_secs(20), || {
        pool()["ready"] == json!(0)
    });
    test_support::eventually(std::time::Duration::from_secs(20), || {
        flow_runs(&home, &["--state", "COMPLETED"]).len() == 1
    });
}
