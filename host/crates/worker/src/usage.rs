//! What the guests of this process use and may use.

use std::fs;

use model::{Usage, WorkerUsage};
use rustix::process::Resource;
use wasm::Runtime;

/// What they use now.
pub fn usage(runtime: &Runtime) -> WorkerUsage {
    let (memory, used, room) = (runtime.memory(), runtime.instances(), runtime.room());
    WorkerUsage {
        memory: of(memory.used(), memory.max()),
        memory_peak: memory.peak() as u64,
        flows: of(used.flows, room.flows),
        tasks: of(used.tasks, room.tasks),
        descriptors: descriptors(),
        threads: entries("/proc/self/task"),
    }
}

fn of(used: usize, limit: usize) -> Usage {
    Usage {
        used: used as u64,
        limit: limit as u64,
    }
}

fn descriptors() -> Option<Usage> {
    Some(Usage {
        // Without the one by which they are read.
        used: entries("/proc/self/fd")?.saturating_sub(1),
        limit: rustix::process::getrlimit(Resource::Nofile).current?,
    })
}

fn entries(folder: &str) -> Option<u64> {
    fs::read_dir(folder)
        .ok()
        .map(|entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Place;

    #[tokio::test]
    async fn what_is_held_counts_until_it_is_let_go() {
        let place = Place::new().await;
        let runtime = &place.shared.runtime;
        let before = usage(runtime).memory;
        assert_eq!(before.limit, runtime.memory().max() as u64);
        let held = runtime.memory().reserve(1 << 20).await.unwrap();
        assert_eq!(usage(runtime).memory.used, before.used + (1 << 20));
        drop(held);
        assert_eq!(usage(runtime).memory, before);
        assert_eq!(usage(runtime).memory_peak, before.used + (1 << 20));
    }

    /// Other tests of this process have descriptors, too: so only what must be there is asked for.
    #[tokio::test]
    async fn descriptors_and_threads_of_the_process_count() {
        let place = Place::new().await;
        let usage = usage(&place.shared.runtime);
        let descriptors = usage.descriptors.unwrap();
        assert!((3..descriptors.limit).contains(&descriptors.used));
        assert!(usage.threads.unwrap() > 1);
    }
}
