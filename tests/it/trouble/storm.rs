//! All at once: workers die, the server crashes, connections are cut.
//!
//! `ORCH_CHAOS_SECONDS=60` makes it longer than its 15 seconds, `ORCH_CHAOS_SEED` repeats the order.

use std::time::{Duration, Instant};

use test_support::{Worker, cluster};

use super::super::load::{Dice, Load, deploy_all, lasts};
use super::{hasty, held, machine_at};

/// Never those of the machinery that asks for it.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Slots of the pool: one that is lost is missed.
const SLOTS: &str = "24";

#[test]
fn whatever_breaks_no_run_is_lost_and_no_child_is_repeated() {
    let Some(mut cluster) = cluster() else { return };
    let lasts = lasts(15);
    let mut dice = Dice::new();
    let database = cluster.database();
    let machines = [machine_at(&database.url()), machine_at(&database.url())];
    let home = &machines[0];
    deploy_all(home);
    home.run(["work-pool", "set-limit", "default-pool", SLOTS])
        .ok();
    // One begins while the server is not there, and says so.
    let mut workers: Vec<Worker> = machines.iter().chain([home]).map(hasty).collect();
    let (mut kills, mut crashes, mut cuts) = (0, 0, 0);
    let mut load = Load::default();
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        load.more(&machines[1]);
        std::thread::sleep(Duration::from_millis(dice.roll(400)));
        match dice.roll(6) {
            0 => {
                cluster.crash();
                std::thread::sleep(Duration::from_millis(dice.roll(2000)));
                load.more(&machines[1]);
                cluster.recover();
                crashes += 1;
            }
            1 | 2 => {
                database.sql(CUT);
                cuts += 1;
            }
            _ => {
                let whom = dice.roll(workers.len() as u64) as usize;
                workers.swap_remove(whom).sigkill();
                workers.push(hasty(&machines[dice.roll(2) as usize]));
                kills += 1;
            }
        }
    }
    assert!(!load.acknowledged.is_empty());
    let runs = load.has_ended_well(home, Duration::from_secs(120));
    assert_eq!(
        held(&database),
        "0",
        "a slot is held by a run that has ended"
    );
    // All slots are there to be used.
    let mut after = Load::default();
    after.more(home);
    after.has_ended_well(home, Duration::from_secs(60));
    assert_eq!(after.acknowledged.len(), 2);
    let (acknowledged, refused) = (load.acknowledged.len(), load.refused.len());
    println!(
        "{kills} kills, {crashes} crashes of the server, {cuts} cuts: \
         {acknowledged} runs acknowledged, {refused} refused, {runs} in all"
    );
}
