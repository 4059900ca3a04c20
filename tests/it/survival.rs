//! What survives what.

use std::time::Duration;

use test_support::eventually;

use super::{deploy, flow_runs, home, worker};

#[test]
fn a_flow_that_waits_survives_the_end_of_its_worker() {
    let home = home();
    deploy(&home, "bench", &[]);
    let first = worker(&home, &["--park", "10ms"]);
    home.run([
        "deployment",
        "run",
        "sleeper/sleeper-deployment",
        "-p",
        "ms=4000",
    ])
    .ok();
    let state = |name: &str| {
        let runs = flow_runs(&home, &[]);
        runs.iter().all(|run| run["state"]["type"] == name)
    };
    eventually(Duration::from_secs(20), || state("WAITING"));
    first.sigkill();
    let _second = worker(&home, &[]);
    eventually(Duration::from_secs(20), || state("COMPLETED"));
}
