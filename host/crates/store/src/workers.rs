//! Workers and their leases.

use async_trait::async_trait;
use model::{Claimed, Lease, RunId, StateType, Timestamp, Worker, WorkerId, WorkerUsage};
use orchestrator::lifecycle::Why;

use crate::StoreResult;

/// Registers workers and keeps their leases.
#[async_trait]
pub trait Workers: Send + Sync + 'static {
    async fn register_worker(&self, worker: Worker) -> StoreResult<()>;

    /// Renews the lease on everything the worker runs, and keeps what it uses now. Errs with [`StoreError::NotFound`]
    /// if the worker was given up: then its runs are no longer its own.
    async fn renew(
        &self,
        worker: WorkerId,
        usage: WorkerUsage,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<()>;

    /// Removes a worker that stops by itself. The runs it had claimed go back to their pools,
    /// ready at once. Returns them.
    async fn sign_off(&self, worker: WorkerId, now: Timestamp) -> StoreResult<Vec<RunId>>;

    /// The runs leased to this worker that are to be paused or cancelled, with that state.
    async fn orders(&self, worker: WorkerId) -> StoreResult<Vec<(RunId, StateType)>>;

    /// What the worker has claimed and not left, as the database has it.
    async fn leases(&self, worker: WorkerId) -> StoreResult<Vec<Lease>>;

    /// What was claimed under this lease, as it is now. Errs with [`StoreError::Stale`] if the run
    /// is not leased so any more.
    ///
    /// [`StoreError::Stale`]: crate::StoreError::Stale
    async fn claimed(&self, lease: Lease) -> StoreResult<Claimed>;

    /// Takes one run from a worker that goes on. It goes back to its pool as `Scheduled`, ready
    /// at once. One that was executed [alone](Why::Alone), and got no further since it was last
    /// lost, ends as `Crashed`. Whether others can claim it now. Errs with [`StoreError::Stale`]
    /// if the run is not leased so any more.
    ///
    /// [`StoreError::Stale`]: crate::StoreError::Stale
    async fn give_back(&self, lease: Lease, why: Why, now: Timestamp) -> StoreResult<bool>;

    /// Workers that are known to be gone although their lease has not ended, because they
    /// ran on this machine.
    async fn lost_workers(&self) -> StoreResult<Vec<WorkerId>>;

    /// Takes workers off the list: `lost` ones, and all whose lease has ended. What they
    /// had claimed, or had reserved, goes back to its pool as `Scheduled`, ready at once,
    /// however often it has been lost. The runs given back.
    async fn rescue(&self, lost: &[WorkerId], now: Timestamp) -> StoreResult<Vec<RunId>>;

    /// All workers, oldest first.
    async fn workers(&self) -> StoreResult<Vec<Worker>>;
}
