//! Runs that go on while something goes wrong, and what must be true of them afterwards.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use test_support::{Home, eventually};

use super::{deploy, flow_runs, text};

/// A small generator is enough to choose what goes wrong (Numerical Recipes' constants).
pub struct Dice(u64);

impl Dice {
    /// From `ORCH_CHAOS_SEED`, or another one each time. The seed is printed.
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seed = number("ORCH_CHAOS_SEED").unwrap_or(now.unwrap().as_secs());
        println!("ORCH_CHAOS_SEED={seed}");
        Self(seed)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

/// How long it lasts: `ORCH_CHAOS_SECONDS`, or so many.
pub fn lasts(seconds: u64) -> Duration {
    Duration::from_secs(number("ORCH_CHAOS_SECONDS").unwrap_or(seconds))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Children of one `etl-distributed`. Each is a task of 100 ms, so that trouble finds work under way.
const PARTITIONS: usize = 20;

/// The deployments of which [`Load::more`] starts runs.
pub fn deploy_all(home: &Home) {
    deploy(home, "etl_distributed", &[]);
    deploy(home, "nesting", &[]);
}

/// What was started.
#[derive(Default)]
pub struct Load {
    /// Runs whose ids a command has printed.
    pub acknowledged: Vec<String>,
    /// Commands that said that they could not.
    pub refused: Vec<String>,
}

impl Load {
    /// Starts a run with many children and one with children of children. A command either says
    /// that there is the run, or that it could not tell the database to make it.
    pub fn more(&mut self, home: &Home) {
        let nest = ["nest/nest-deployment", "-p", "depth=5"];
        let etl = ["etl-distributed/etl-distributed-deployment"];
        for what in [&etl[..], &nest[..]] {
            let args = [&["deployment", "run"], what, &["-o", "json"]].concat();
            let ran = home.run(args);
            if ran.code == 0 {
                self.acknowledged.push(text(&ran.json()["id"]).to_owned());
            } else {
                let ran = ran.fails(70);
                assert!(ran.stderr.contains("hint: "), "{ran}");
                self.refused.push(ran.stderr);
            }
        }
    }

    /// Waits until all runs have ended, and fails the test unless each has ended well, and has
    /// each of its children once. How many there are.
    pub fn has_ended_well(&self, home: &Home, limit: Duration) -> usize {
        let mut runs = Vec::new();
        eventually(limit, || {
            runs = flow_runs(home, &[]);
            runs.iter().all(|run| !run["ended"].is_null())
        });
        let mut children = BTreeMap::<&str, usize>::new();
        let mut ids = BTreeMap::<&str, &Value>::new();
        for run in &runs {
            assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
            ids.insert(text(&run["id"]), run);
            if let Some(parent) = run["parent"].as_str() {
                *children.entry(parent).or_default() += 1;
            }
        }
        for id in &self.acknowledged {
            assert!(ids.contains_key(id.as_str()), "{id} was acknowledged");
        }
        for (id, run) in &ids {
            let expect = match text(&run["flow"]) {
                "etl-distributed" => Some(PARTITIONS),
                // The innermost one has no child.
                "nest" => (run["parameters"]["depth"] != 0).then_some(1),
                _ => None,
            };
            assert_eq!(children.get(id).copied(), expect, "children of {run}");
        }
        runs.len()
    }
}
