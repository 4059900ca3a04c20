//! Queues of work pools.

use async_trait::async_trait;
use model::{PoolName, Priority, QueueName, Timestamp, WorkQueue};

use crate::StoreResult;

/// Queues that a pool has at most. A claim looks at all that have ready runs.
pub const QUEUES_MAX: usize = 100;

/// Creates, changes and lists the queues of work pools. Which runs go first is decided by
/// [`orchestrator::lifecycle::choose`].
#[async_trait]
pub trait Queues: Send + Sync + 'static {
    /// Errs if the pool does not exist, has a queue of this name, or has [`QUEUES_MAX`].
    async fn create_queue(&self, queue: WorkQueue) -> StoreResult<()>;

    /// Errs if it does not exist.
    async fn change_queue(
        &self,
        pool: &PoolName,
        name: &QueueName,
        change: QueueChange,
    ) -> StoreResult<WorkQueue>;

    /// Errs if it does not exist, or while deployments or unfinished runs use it. Runs of it that
    /// are retried later are as those of `default`.
    async fn delete_queue(&self, pool: &PoolName, name: &QueueName) -> StoreResult<()>;

    /// The queues of a pool, or of all pools: in the order of the pools' names, their priorities
    /// and their names.
    async fn queues(&self, pool: Option<&PoolName>) -> StoreResult<Vec<QueueUse>>;
}

/// A change of a queue. A field that is `None` changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueChange {
    pub priority: Option<Priority>,
    pub paused: Option<bool>,
    /// `Some(None)` removes the limit.
    pub limit: Option<Option<u32>>,
}

impl QueueChange {
    /// Applies it.
    pub fn change(self, queue: &mut WorkQueue) {
        queue.priority = self.priority.unwrap_or(queue.priority);
        queue.paused = self.paused.unwrap_or(queue.paused);
        queue.limit = self.limit.unwrap_or(queue.limit);
    }
}

/// A queue and how it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueUse {
    pub queue: WorkQueue,
    /// Its runs that hold a slot of the pool.
    pub active: u64,
    /// Runs that could start now.
    pub ready: u64,
    /// Since when the one is ready that has waited longest.
    pub oldest: Option<Timestamp>,
    /// Runs scheduled for later.
    pub scheduled: u64,
    pub deployments: u64,
}
