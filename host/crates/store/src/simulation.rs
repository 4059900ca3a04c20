//! Runs that live through whatever chance has in store for them.
//!
//! ```text
//! seed --> scripts, workers, faults --> one action after the other --> nothing goes wrong
//!                                         |  crash, lost answer, zombie,     any more:
//!                                         |  retry, cancel, pause, clock,    all must end
//!                                         |  a run that kills its workers
//!                                         v
//!                                  what must never change is compared
//! ```
//!
//! Flows are data ([`script`]): a scripted [`guest`] asks the same flow machine that workers
//! drive, and simulated workers ([`driver`], [`world`]) do what it wants with the real verbs
//! of the store, in the order that the seed decides. Time is a number. What was seen is kept
//! in a [`ledger`] and compared with what is seen later.
//!
//! A second simulation has in addition what runs wait for in line, and people who change it
//! ([`crowd`], [`rivalry`]): queues with priorities, limits and pauses, and limits across runs, of
//! which runs, tasks and the [code](holding) of flows take slots. And results of tasks are
//! [cached](caching).
//!
//! A third one is about the beginning of runs alone: that each [slot](slots) of a schedule makes one
//! run, that nobody starves behind a queue that is [fed](feeding) for ever, and that [families]
//! whose members take slots of the same limits come to an end.
//!
//! `ORCH_SIM_SEEDS=N` plays N seeds instead of [`SEEDS`]; `ORCH_SIM_SEED=n` plays that one.

mod caching;
mod catalog;
mod clock;
mod crowd;
mod driver;
mod families;
mod feeding;
mod founding;
mod guest;
mod hand;
mod hands;
mod holding;
mod killing;
mod ledger;
mod meddling;
mod people;
mod plain;
mod records;
mod results;
mod rivalry;
pub(crate) mod rng;
mod script;
mod slots;
mod stream;
mod taking;
mod timetables;
mod trace;
mod turns;
mod verdict;
mod watched;
mod world;
mod written;

use std::sync::Arc;

use self::clock::SimulatedClock;
use self::world::World;
use super::contract::Cast;
use super::{Clock, Store};

/// Seeds of an ordinary test run.
const SEEDS: u64 = 2000;
/// Threads among which they are divided, each with a store of its own.
const THREADS: u64 = 4;
/// Seeds that share a store, so that making stores takes little of the time.
const SEEDS_PER_STORE: usize = 100;

/// Plays seeds on a store that nobody else uses.
fn play<S: Store>(store: S, seeds: &[u64], clock: Option<&Arc<SimulatedClock>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let cast = Cast::on(store).await;
        for seed in seeds {
            World::new(&cast.store, *seed, clock).await.play().await;
        }
    });
}

fn asked(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Plays the seeds that the environment asks for, on stores that `make` gives, each with what
/// must live as long as it does.
pub fn whatever_happens_runs_end_as_they_should<S: Store, Keep>(
    make: impl Fn() -> (S, Keep) + Sync,
) {
    as_they_should(SEEDS, make);
}

/// The same; so many seeds if the environment asks for none.
pub fn as_they_should<S: Store, Keep>(seeds: u64, make: impl Fn() -> (S, Keep) + Sync) {
    divide(seeds, |seeds| {
        let (store, _keep) = make();
        play(store, seeds, None);
    });
}

/// The same where runs stand in line: so many seeds with queues and limits. `make` gives stores that
/// use this clock.
pub fn everybody_gets_their_turn<S: Store, Keep>(
    seeds: u64,
    make: impl Fn(Arc<dyn Clock>) -> (S, Keep) + Sync,
) {
    divide(seeds, |seeds| {
        let clock = Arc::new(SimulatedClock::new());
        let (store, _keep) = make(Arc::clone(&clock) as _);
        play(store, seeds, Some(&clock));
    });
}

/// Runs that schedules make, runs that stand behind others, and families: so many seeds.
pub fn everything_begins_once<S: Store, Keep>(seeds: u64, make: impl Fn() -> (S, Keep) + Sync) {
    divide(seeds, |seeds| {
        let (store, _keep) = make();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            for seed in seeds {
                slots::each_slot_makes_one_run(&store, *seed).await;
                feeding::nobody_starves(&store, *seed).await;
                families::all_come_to_an_end(&store, *seed).await;
            }
        });
    });
}

/// Has the seeds played that the environment asks for, some at a time.
fn divide(seeds: u64, play: impl Fn(&[u64]) + Sync) {
    if let Some(seed) = asked("ORCH_SIM_SEED") {
        return play(&[seed]);
    }
    let count = asked("ORCH_SIM_SEEDS").unwrap_or(seeds);
    let play = |seeds: Vec<u64>| {
        for seeds in seeds.chunks(SEEDS_PER_STORE) {
            play(seeds);
        }
    };
    std::thread::scope(|scope| {
        let play = &play;
        let played: Vec<_> = (0..THREADS)
            .map(|thread| (0..count).filter(|seed| seed % THREADS == thread).collect())
            .map(|seeds: Vec<u64>| scope.spawn(move || play(seeds)))
            .collect();
        let ended: Vec<_> = played.into_iter().map(|thread| thread.join()).collect();
        assert!(ended.iter().all(Result::is_ok), "a seed failed");
    });
}
