//! Whether runs wait in a work pool that has no worker.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{FlowRun, PoolName, StateType};
use store::{PageRequest, Pools, RunFilter, Store, StoreResult};
use tokio::time::Instant;

/// The least time between two looks.
const LOOK_MIN: Duration = Duration::from_secs(1);
/// The longest time without a look for a run that is scheduled for later.
const DUE_MAX: Duration = Duration::from_secs(24 * 3600);
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
    /// When the next look is due even if nothing is heard.
    due: Option<Instant>,
    told: BTreeSet<PoolName>,
}

impl StuckPools {
    pub fn new(executes: Executes) -> Self {
        Self {
            executes,
            looked: None,
            due: None,
            told: BTreeSet::new(),
        }
    }

    /// When to look although nothing is heard.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Looks at the run and its children.
    pub async fn look(
        &mut self,
        store: &dyn Store,
        run: &FlowRun,
    ) -> StoreResult<Vec<(PoolName, Stuck)>> {
        if let Some(at) = self.looked.filter(|at| at.elapsed() < LOOK_MIN) {
            self.due = Some(at + LOOK_MIN);
            return Ok(Vec::new());
        }
        self.due = None;
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
        // What is scheduled for later begins to wait without a word.
        let later = waiting
            .iter()
            .map(|run| run.scheduled)
            .filter(|at| *at > now);
        self.due = later
            .min()
            .map(|at| Instant::now() + at.since(now).min(DUE_MAX));
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

/// What comes of the future, unless the time comes first.
pub(super) async fn until<T>(end: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => tokio::time::timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}
