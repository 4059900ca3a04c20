//! Work pools: named queues of runs, with a limit.

use async_trait::async_trait;
use model::{PoolName, WorkPool};

use crate::StoreResult;

/// Creates, changes and lists work pools, where runs wait for workers.
#[async_trait]
pub trait Pools: Send + Sync + 'static {
    /// Errs if a pool of this name exists.
    async fn create_pool(&self, pool: WorkPool) -> StoreResult<()>;

    /// Changes the pool's limit or whether it is paused. Errs if it does not exist.
    async fn change_pool(&self, name: &PoolName, change: PoolChange) -> StoreResult<WorkPool>;

    /// Errs if it does not exist, or while deployments or unfinished runs use it.
    async fn delete_pool(&self, name: &PoolName) -> StoreResult<()>;

    /// All pools, in the order of their names.
    async fn pools(&self) -> StoreResult<Vec<PoolUse>>;

    async fn pool(&self, name: &PoolName) -> StoreResult<Option<PoolUse>>;
}

/// A change of a work pool. A field that is `None` changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolChange {
    pub paused: Option<bool>,
    /// `Some(None)` removes the limit.
    pub limit: Option<Option<u32>>,
}

/// A work pool and how it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolUse {
    pub pool: WorkPool,
    /// Runs that hold a slot of it.
    pub active: u64,
    /// Runs that could start now.
    pub ready: u64,
    /// Runs scheduled for later.
    pub scheduled: u64,
    /// Workers whose lease has not ended.
    pub workers: u64,
    pub deployments: u64,
}
