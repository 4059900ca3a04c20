//! Workers under load, killed at random: nothing is lost, nothing happens twice.
//!
//! `ORCH_CHAOS_SECONDS` makes it longer, `ORCH_CHAOS_SEED` repeats the order of the kills.

use std::time::{Duration, Instant};

use test_support::Worker;

use super::load::{Dice, Load, deploy_all, lasts};
use super::{home, worker};

const FLOWS: usize = 8;

#[test]
fn workers_that_are_killed_lose_no_run_and_repeat_no_child() {
    let lasts = lasts(5);
    let mut dice = Dice::new();
    let home = home();
    deploy_all(&home);
    let hire = || worker(&home, &["--park", "30ms", "--limit", "16"]);
    let mut workers: Vec<Worker> = (0..3).map(|_| hire()).collect();

    let (mut load, mut kills) = (Load::default(), 0);
    let end = Instant::now() + lasts;
    while Instant::now() < end || load.acknowledged.len() < 2 * FLOWS {
        load.more(&home);
        std::thread::sleep(Duration::from_millis(dice.roll(400)));
        let whom = dice.roll(workers.len() as u64) as usize;
        workers.swap_remove(whom).sigkill();
        workers.push(hire());
        kills += 1;
    }
    assert!(load.refused.is_empty(), "{:?}", load.refused);
    let runs = load.has_ended_well(&home, Duration::from_secs(60));
    println!("{kills} kills, {runs} runs");
}
