//! Workers under load, killed at random: nothing is lost, nothing happens twice.
//!
//! `ORCH_CHAOS_SECONDS` makes it longer, `ORCH_CHAOS_SEED` repeats the order of the kills.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use test_support::{Worker, eventually};

use super::{deploy, flow_runs, home, worker};

/// A small generator is enough to choose whom to kill (Numerical Recipes' constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Each partition is a task of 100 ms, so that kills find work under way.
const FLOWS: u64 = 8;
const CHILDREN: usize = 20;

#[test]
fn workers_that_are_killed_lose_no_run_and_repeat_no_child() {
    let seconds = number("ORCH_CHAOS_SECONDS").unwrap_or(5);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = number("ORCH_CHAOS_SEED").unwrap_or(now.unwrap().as_secs());
    println!("ORCH_CHAOS_SEED={seed}");
    let mut dice = Dice(seed);

    let home = home();
    deploy(&home, "etl_distributed", &[]);
    deploy(&home, "nesting", &[]);
    let hire = || worker(&home, &["--park", "30ms", "--limit", "16"]);
    let mut workers: Vec<Worker> = (0..3).map(|_| hire()).collect();

    let start = |deployment: &str, more: &[&str]| {
        let mut args = vec!["deployment", "run", deployment];
        args.extend(more);
        home.run(args).ok();
    };
    let (mut started, mut kills) = (0, 0);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end || started < FLOWS {
        start("etl-distributed/etl-distributed-deployment", &[]);
        start("nest/nest-deployment", &["-p", "depth=5"]);
        started += 1;
        std::thread::sleep(Duration::from_millis(dice.roll(400)));
        let whom = dice.roll(workers.len() as u64) as usize;
        workers.swap_remove(whom).sigkill();
        workers.push(hire());
        kills += 1;
    }

    let unfinished = || {
        let runs = flow_runs(&home, &[]);
        let open = |run: &&Value| run["ended"].is_null();
        runs.iter().filter(open).count()
    };
    eventually(Duration::from_secs(60), || unfinished() == 0);

    let runs = flow_runs(&home, &[]);
    let mut children = BTreeMap::<&str, usize>::new();
    for run in &runs {
        assert_eq!(run["state"]["type"], "COMPLETED", "seed {seed}: {run}");
        if let Some(parent) = run["parent"].as_str() {
            *children.entry(parent).or_default() += 1;
        }
    }
    for run in &runs {
        let count = children.get(run["id"].as_str().unwrap()).copied();
        let expect = match run["flow"].as_str().unwrap() {
            "etl-distributed" => Some(CHILDREN),
            "extract-partition" => None,
            // The innermost one has no child.
            "nest" => match run["parameters"]["depth"].as_u64() {
                Some(0) => None,
                _ => Some(1),
            },
            flow => panic!("a run of `{flow}`"),
        };
        assert_eq!(count, expect, "seed {seed}: children of {run}");
    }
    println!("{kills} kills, {} runs", runs.len());
}
