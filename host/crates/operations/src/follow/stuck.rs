//! Whether runs wait in a work pool that has no worker.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::{FlowRun, PoolName, StateType};
use store::{PageRequest, Pools, RunFilter, Store, StoreResult};

/// The least time between two looks.
const LOOK_MIN: Duration = Duration::from_secs(1);
/// Children looked at.
const CHILDREN_MAX: u32 = 100;

/// Who executes the run that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executes {
    /// This process, so that only its children can be stuck.
    Us,
    /// A worker of its pool.
    AWorker,
}

/// What keeps the runs of a pool from being executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    Paused,
    NoWorker,
}

impl Stuck {
    /// What keeps the runs of this pool from being executed, if anything does.
    pub async fn of(store: &dyn Pools, pool: &PoolName) -> StoreResult<Option<Self>> {
        Ok(match store.pool(pool).await? {
            Some(pool) if pool.pool.paused => Some(Self::Paused),
            Some(pool) if pool.workers == 0 => Some(Self::NoWorker),
            _ => None,
        })
    }
}

/// Tells once of each pool where something waits in vain.
pub struct StuckPools {
    executes: Executes,
    looked: Option<Instant>,
    told: BTreeSet<PoolName>,
}

impl StuckPools {
    pub fn new(executes: Executes) -> Self {
        Self {
            executes,
            looked: None,
            told: BTreeSet::new(),
        }
    }

    /// Looks at the run and its children.
    pub async fn look(
        &mut self,
        store: &dyn Store,
        run: &FlowRun,
    ) -> StoreResult<Vec<(PoolName, Stuck)>> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_MIN) {
            return Ok(Vec::new());
        }
        let children = RunFilter {
            states: vec![StateType::Scheduled.into()],
            parent: Some(run.id),
            ..RunFilter::default()
        };
        let page = PageRequest::newest(CHILDREN_MAX).without_values();
        let mut waiting = store.flow_runs(&children, &page).await?.items;
        if self.executes == Executes::AWorker {
            waiting.push(run.clone());
        }
        if !waiting.is_empty() {
            self.looked = Some(Instant::now());
        }
        let now = store.clock().now();
        waiting.retain(|run| run.state.kind == StateType::Scheduled && run.scheduled <= now);
        let mut stuck = Vec::new();
        for pool in waiting.into_iter().filter_map(|run| run.pool) {
            if !self.told.contains(&pool)
                && let Some(why) = Stuck::of(store, &pool).await?
            {
                self.told.insert(pool.clone());
                stuck.push((pool, why));
            }
        }
        Ok(stuck)
    }
}
