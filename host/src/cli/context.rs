//! What every command is given.

use std::sync::Arc;

use super::output::Output;
use super::place::Place;
use model::Timestamp;
use store::Store;
use wasm::{DescribeLimits, Limits, Runtime, RuntimeConfig};

pub struct Context {
    pub store: Arc<dyn Store>,
    pub out: Output,
    pub place: Place,
}

impl Context {
    /// The time, by the clock of all that is stored.
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// The engine, for those commands that look into components or run them.
    pub fn runtime(&self, instances: Instances, limits: Limits) -> anyhow::Result<Arc<Runtime>> {
        Runtime::new(RuntimeConfig {
            cache_dir: Some(self.place.cache.clone()),
            limits,
            describe_limits: DescribeLimits::default(),
            flows_max: instances.flows,
            tasks_max: instances.tasks,
        })
    }
}

/// How many instances may be alive at once.
#[derive(Clone, Copy, Debug)]
pub struct Instances {
    pub flows: u32,
    pub tasks: u32,
}

impl Instances {
    /// For a look at one component.
    pub const FEW: Self = Self { flows: 4, tasks: 4 };

    /// For one run and what it starts within itself.
    pub const ONE_RUN: Self = Self {
        flows: 4,
        tasks: 256,
    };

    /// For so many runs at once. A quarter more may wait in memory: an instance with all that
    /// belongs to it takes some 200 KB, and one that had to leave is back in less than a
    /// millisecond.
    pub fn for_runs(runs: u32) -> Self {
        Self {
            flows: runs.saturating_add(runs / 4).clamp(16, 4096),
            tasks: runs.saturating_mul(2).clamp(256, 4096),
        }
    }
}
