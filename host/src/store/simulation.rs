//! Runs that live through whatever chance has in store for them.
//!
//! ```text
//! seed --> scripts, workers, faults --> one action after the other --> nothing goes wrong
//!                                         |  crash, lost answer, zombie,     any more:
//!                                         |  retry, cancel, clock            all must end
//!                                         v
//!                                  what must never change is compared
//! ```
//!
//! Flows are data ([`script`]); simulated workers ([`execution`], [`world`]) carry them out
//! with the real journal and the real verbs of the store, in the order that the seed
//! decides. Time is a number. What was seen is kept in a [`ledger`] and compared with what
//! is seen later.
//!
//! `ORCH_SIM_SEEDS=N` plays N seeds instead of [`SEEDS`]; `ORCH_SIM_SEED=n` plays that one.

mod execution;
mod ledger;
mod rng;
mod script;
mod tasks;
mod world;

use tempfile::TempDir;

use self::world::World;
use super::contract::Cast;
use super::sqlite::SqliteStore;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 2000;
/// Threads among which they are divided, each with a store of its own.
const THREADS: u64 = 4;
/// Seeds that share a store, so that making stores takes little of the time.
const SEEDS_PER_STORE: usize = 100;

/// In memory where that can be had: what a power failure leaves is not what is tested here.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn play(seeds: &[u64]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for seeds in seeds.chunks(SEEDS_PER_STORE) {
        let home = directory();
        runtime.block_on(async {
            let store = SqliteStore::open(home.path().join("orch.db")).unwrap();
            let cast = Cast::on(store).await;
            for seed in seeds {
                World::new(&cast.store, *seed).await.play().await;
            }
        });
    }
}

fn asked(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_happens_runs_end_as_they_should() {
    if let Some(seed) = asked("ORCH_SIM_SEED") {
        return play(&[seed]);
    }
    let count = asked("ORCH_SIM_SEEDS").unwrap_or(SEEDS);
    std::thread::scope(|scope| {
        let played: Vec<_> = (0..THREADS)
            .map(|thread| (0..count).filter(|seed| seed % THREADS == thread).collect())
            .map(|seeds: Vec<u64>| scope.spawn(move || play(&seeds)))
            .collect();
        let ended: Vec<_> = played.into_iter().map(|thread| thread.join()).collect();
        assert!(ended.iter().all(Result::is_ok), "a seed failed");
    });
}
