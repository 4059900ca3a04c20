//! Flow runs, from their creation to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::{
    AwaitedInput, Cancellation, Claim, Claimed, Entry, FlowName, FlowRun, InputId, Json, NewRun,
    PoolName, Progress, Recorded, RunId, Seq, Settled, Timestamp,
};

use orchestrator::flow::KeyHolder;

use crate::{Clock, Reading, StoreResult};

/// Who has an idempotency key of a flow, for a flow that asks for a run with it.
pub async fn key_holder<S: Runs + Reading + ?Sized>(
    store: &S,
    flow: &FlowName,
    key: &str,
) -> StoreResult<Option<KeyHolder>> {
    let Some(run) = store.run_by_key(flow, key).await? else {
        return Ok(None);
    };
    let parent = match run.parent {
        Some(parent) => store.flow_run(parent).await?,
        None => None,
    };
    Ok(Some(KeyHolder {
        parent: parent.map(|parent| parent.within.unwrap_or(parent.id)),
        run: run.snapshot(),
        parameters: run.parameters,
    }))
}

/// Creates runs and records what happens to them.
#[async_trait]
pub trait Runs: Send + Sync + 'static {
    /// Creates runs, all or none. A run whose flow and idempotency key exist already is not
    /// created; the earlier one is returned in its place. Errs with
    /// [`StoreError::OtherRequest`](crate::StoreError::OtherRequest) if that has other parameters.
    async fn create_runs(&self, runs: Vec<NewRun>) -> StoreResult<Vec<FlowRun>>;

    /// The run of the flow that was created with this idempotency key.
    async fn run_by_key(&self, flow: &FlowName, key: &str) -> StoreResult<Option<FlowRun>>;

    /// Leases runs that are ready to `worker`, the longest ready first. Each goes to
    /// `Pending` and has its epoch raised, and one that never started begins its first
    /// attempt. A paused pool and a full one give nothing.
    ///
    /// A power failure may lose a claim. That is safe: the run's first record is synced and
    /// covers it.
    async fn claim(&self, claim: Claim) -> StoreResult<Vec<Claimed>>;

    /// Like [`claim`](Self::claim), but waits while there is nothing to claim. Returns
    /// nothing once the offer has been withdrawn.
    ///
    /// An engine may claim within the transaction that makes a run ready, so that the run is
    /// on its way when that call returns. Whether it does is its own affair.
    ///
    /// Not cancel safe: if the future is dropped, what was claimed for it stays with the
    /// worker until that signs off.
    fn claim_next(
        &self,
        claim: Claim,
        offer: Arc<Offer>,
    ) -> BoxFuture<'static, StoreResult<Vec<Claimed>>>;

    /// The journal of a run, in order.
    async fn journal(&self, run: RunId) -> StoreResult<Vec<Entry>>;

    /// Adds what a leased run has done since its last record, all or nothing. Errs with
    /// [`StoreError::Stale`] if another claim has raised the run's epoch.
    async fn record(&self, progress: Progress) -> StoreResult<Recorded>;

    /// Those of the calls that have settled, oldest settlement first.
    async fn settled(&self, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Settled>>;

    /// What earlier attempts of a run have finished, in order. The present one reuses it.
    async fn kept(&self, run: RunId) -> StoreResult<Vec<Entry>>;

    /// Opens a new attempt of a run that is over, ready at once. What earlier attempts have
    /// finished is kept, unless it is to begin `from_scratch`. Errs if there is no such run,
    /// if it is not over, or if it is a subflow.
    async fn retry(&self, run: RunId, from_scratch: bool, now: Timestamp) -> StoreResult<FlowRun>;

    /// Cancels a run and, below it, every run it started as its child. Runs that have not
    /// begun end at once; the others go to `Cancelling` and may clean up. A child that the
    /// flow has called for before its journal says that it was told, but that is recorded
    /// only after, is cancelled as it is created. A run that is over stays what it is, and
    /// what it had started is cancelled. Errs if there is no such run, or if it is a subflow,
    /// which only the run around it can end.
    async fn cancel(&self, run: RunId, now: Timestamp) -> StoreResult<Cancellation>;

    /// Stops a run until it is resumed. A worker that executes it stops at its next record. Errs if
    /// there is no such run, if it is over or being cancelled, or if it is a subflow.
    async fn pause(&self, run: RunId, now: Timestamp) -> StoreResult<FlowRun>;

    /// Lets a paused run go on. Errs if it is not paused.
    async fn resume(&self, run: RunId, now: Timestamp) -> StoreResult<FlowRun>;

    /// Deletes runs that are over, with all that belongs to them: history, journal, task runs,
    /// log, and the subflows within them. Runs that they have started stay, and so do totals. What
    /// became of each, in order: a refusal is that there is no such run, that it is not over, or
    /// that it is a subflow.
    async fn delete_runs(&self, runs: &[RunId]) -> StoreResult<Vec<StoreResult<()>>>;

    /// The inputs that a run still waits for, oldest first, those of the subflows within it
    /// included; for a subflow only its own. Empty once the run is over or is being
    /// cancelled.
    async fn awaited_inputs(&self, run: RunId) -> StoreResult<Vec<AwaitedInput>>;

    /// Gives a run one of its awaited inputs. A paused run goes on with it. The caller has
    /// checked that the value fits the input's schema. Errs with
    /// [`StoreError::InputNotAwaited`] if the run does not wait for it, or not any more.
    async fn give_input(
        &self,
        run: RunId,
        input: InputId,
        value: Json,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Settles up to `count` timers that are due and inputs whose time is over. Returns how
    /// many.
    async fn settle_due(&self, now: Timestamp, count: u32) -> StoreResult<u32>;

    /// When the next timer of any run is due, or the next run of the pool (of any pool if
    /// none is given) that is scheduled for later than `now`.
    async fn next_due(
        &self,
        pool: Option<&PoolName>,
        now: Timestamp,
    ) -> StoreResult<Option<Timestamp>>;
}

/// A worker's offer to take runs, for as long as it is open.
#[derive(Debug)]
pub struct Offer {
    withdrawn: AtomicBool,
    /// Gives the time of the claim when it succeeds at last.
    pub clock: Arc<dyn Clock>,
}

impl Offer {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            withdrawn: AtomicBool::new(false),
            clock,
        }
    }

    /// Nothing is claimed for it from here on.
    pub fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
    }

    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }
}
