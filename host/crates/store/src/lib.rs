//! What the host asks of storage, in the words of the domain.
//!
//! One method is one transaction. `Ok` means that the write survives a crash of the process
//! and of the machine; only [`Store::claim`] may be lost with the machine, until the next
//! write. An engine implements it in a crate of its own; the
//! contract (feature `testing`) is what every engine must keep.

#[cfg(feature = "testing")]
pub mod contract;
mod error;
#[cfg(feature = "testing")]
pub mod simulation;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{
    AwaitedInput, Component, Deployment, DeploymentName, Digest, Entry, FlowName, FlowRun,
    IdPrefix, InputId, Json, LogLevel, LogLine, PoolName, RunId, Seq, State, StateType, TaskRun,
    Timestamp, WorkPool, Worker, WorkerId,
};

pub use error::{Missing, StoreError, StoreResult};
pub use model::{
    Cancellation, Claim, Claimed, NewRun, Next, Progress, Recorded, Settled, SubflowChange,
};

/// What the host may ask of storage.
pub trait Store: Send + Sync + 'static {
    /// Tells when there may be something new to look at.
    type Listener: Listener;

    // Components and deployments.

    /// Keeps a component and its bytes. Whether it is new: the same bytes twice change
    /// nothing.
    fn put_component(
        &self,
        component: Component,
        bytes: Vec<u8>,
    ) -> impl Future<Output = StoreResult<bool>> + Send;
    fn component(
        &self,
        digest: Digest,
    ) -> impl Future<Output = StoreResult<Option<Component>>> + Send;
    fn component_bytes(
        &self,
        digest: Digest,
    ) -> impl Future<Output = StoreResult<Option<Vec<u8>>>> + Send;
    /// Newest first.
    fn components(&self) -> impl Future<Output = StoreResult<Vec<Component>>> + Send;

    /// Creates or updates the deployments, all or none. What became of each, in order. Errs
    /// if a pool or a component does not exist.
    fn deploy(
        &self,
        deployments: Vec<Deployment>,
    ) -> impl Future<Output = StoreResult<Vec<Deployed>>> + Send;
    fn deployment(
        &self,
        name: &DeploymentName,
    ) -> impl Future<Output = StoreResult<Option<Deployment>>> + Send;
    /// By name; those of one flow if it is given.
    fn deployments(
        &self,
        flow: Option<&FlowName>,
    ) -> impl Future<Output = StoreResult<Vec<Deployment>>> + Send;
    /// Whether it existed. Its runs stay.
    fn delete_deployment(
        &self,
        name: &DeploymentName,
    ) -> impl Future<Output = StoreResult<bool>> + Send;

    // Work pools.

    /// Errs if it exists.
    fn create_pool(&self, pool: WorkPool) -> impl Future<Output = StoreResult<()>> + Send;
    /// Changes its limit or whether it is paused. Errs if it does not exist.
    fn change_pool(
        &self,
        name: &PoolName,
        change: PoolChange,
    ) -> impl Future<Output = StoreResult<WorkPool>> + Send;
    /// Errs if it does not exist, or while deployments or unfinished runs use it.
    fn delete_pool(&self, name: &PoolName) -> impl Future<Output = StoreResult<()>> + Send;
    /// By name.
    fn pools(&self) -> impl Future<Output = StoreResult<Vec<PoolUse>>> + Send;
    fn pool(&self, name: &PoolName) -> impl Future<Output = StoreResult<Option<PoolUse>>> + Send;

    // Runs: from creation to their end.

    /// Creates runs, all or none. A run whose flow and idempotency key exist already is not
    /// created; the earlier one is returned in its place.
    fn create_runs(
        &self,
        runs: Vec<NewRun>,
    ) -> impl Future<Output = StoreResult<Vec<FlowRun>>> + Send;

    /// The run that has this idempotency key among the runs of the flow.
    fn run_by_key(
        &self,
        flow: &FlowName,
        key: &str,
    ) -> impl Future<Output = StoreResult<Option<FlowRun>>> + Send;

    /// Leases runs that are ready to `worker`, the longest ready first. Each goes to
    /// `Pending` and has its epoch raised, and one that never started begins its first
    /// attempt. A paused pool and a full one give nothing.
    ///
    /// A claim need not survive a power failure by itself: it is worth nothing without what
    /// the claimed run records, which does, and makes it do so, too.
    fn claim(&self, claim: Claim) -> impl Future<Output = StoreResult<Vec<Claimed>>> + Send;
    /// The same for whoever waits for work: if there is nothing to claim, this returns when
    /// there is. What a write of this process makes ready is claimed in its transaction, so
    /// that a run is on its way when the call returns that has made it. Returns nothing once
    /// the offer has been withdrawn.
    ///
    /// Not cancel safe: what was claimed for a future that is gone is the worker's until it
    /// signs off.
    fn claim_next(
        &self,
        claim: Claim,
        offer: Arc<Offer>,
    ) -> impl Future<Output = StoreResult<Vec<Claimed>>> + Send + 'static;
    /// Has those look again who wait in [`claim_next`](Self::claim_next): time has made
    /// something ready, or an offer was withdrawn.
    fn look_again(&self);

    /// The journal of a run, in order.
    fn journal(&self, run: RunId) -> impl Future<Output = StoreResult<Vec<Entry>>> + Send;

    /// Adds what a run under lease has done since the last time, all or nothing. Errs with
    /// [`StoreError::Stale`] if the lease's epoch is not the run's any more.
    fn record(&self, progress: Progress) -> impl Future<Output = StoreResult<Recorded>> + Send;

    /// What earlier attempts of a run have finished, in order, for this one to reuse.
    fn kept(&self, run: RunId) -> impl Future<Output = StoreResult<Vec<Entry>>> + Send;

    /// Opens a new attempt of a run that is over, ready at once. What earlier attempts have
    /// finished is kept, unless it is to begin `from_scratch`. Errs if there is no such run,
    /// if it is not over, or if it is a subflow.
    fn retry(
        &self,
        run: RunId,
        from_scratch: bool,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<FlowRun>> + Send;

    /// Cancels a run and, below it, every run it started as its child. What has not begun
    /// ends at once; the rest goes to `Cancelling` and may clean up. Errs if there is no
    /// such run, or if it is a subflow, which only the run around it can end.
    fn cancel(
        &self,
        run: RunId,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<Cancellation>> + Send;

    /// Stops a run until it is resumed. Whoever executes it stops at its next record. Errs if
    /// there is no such run, if it is over or being cancelled, or if it is a subflow.
    fn pause(
        &self,
        run: RunId,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<FlowRun>> + Send;

    /// Lets a paused run go on. Errs if it is not paused.
    fn resume(
        &self,
        run: RunId,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<FlowRun>> + Send;

    /// What a run has asked people for and not got, oldest first: of its own and of the
    /// subflows within it; of a subflow, what itself has asked for. Nothing once the run is
    /// over or is being cancelled.
    fn awaited_inputs(
        &self,
        run: RunId,
    ) -> impl Future<Output = StoreResult<Vec<AwaitedInput>>> + Send;

    /// Gives a run one of its awaited inputs; a paused one goes on with that. The caller has
    /// checked that the value fits the input's schema. Errs with
    /// [`StoreError::InputNotAwaited`] if the run does not wait for it, or not any more.
    fn give_input(
        &self,
        run: RunId,
        input: InputId,
        value: Json,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<()>> + Send;

    /// The runs leased to this worker that are to be paused or cancelled, with that state.
    fn told(
        &self,
        worker: WorkerId,
    ) -> impl Future<Output = StoreResult<Vec<(RunId, StateType)>>> + Send;

    /// Which of these calls of the run have settled, oldest settlement first.
    fn settled(
        &self,
        run: RunId,
        calls: &[Seq],
    ) -> impl Future<Output = StoreResult<Vec<Settled>>> + Send;

    /// Settles up to `count` timers that are due, and inputs whose time is over. How many.
    fn settle_due(
        &self,
        now: Timestamp,
        count: u32,
    ) -> impl Future<Output = StoreResult<u32>> + Send;

    /// When something becomes due next: a timer of any run, or a run of one of the pools
    /// scheduled for later than `now`.
    fn next_due(
        &self,
        pool: Option<&PoolName>,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<Option<Timestamp>>> + Send;

    // Workers and their leases.

    fn register_worker(&self, worker: Worker) -> impl Future<Output = StoreResult<()>> + Send;
    /// Renews the lease on everything the worker runs. Errs with [`StoreError::NotFound`]
    /// if the worker was given up: then its runs are no longer its own.
    fn renew(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Takes a worker off the list that stops of its own accord. What it had claimed goes
    /// back to its pool, ready at once. The runs given back.
    fn sign_off(
        &self,
        worker: WorkerId,
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<Vec<RunId>>> + Send;
    /// Workers that are known to be gone although their lease has not ended, because they
    /// ran on this machine.
    fn lost_workers(&self) -> impl Future<Output = StoreResult<Vec<WorkerId>>> + Send;
    /// Takes workers off the list: `lost` ones, and all whose lease has ended. What they
    /// had claimed, or had reserved, goes back to its pool as `Scheduled`, ready at once;
    /// what has been lost more than [`CRASH_RETRIES`](model::CRASH_RETRIES) times
    /// ends as `Crashed`. The runs given back.
    fn rescue(
        &self,
        lost: &[WorkerId],
        now: Timestamp,
    ) -> impl Future<Output = StoreResult<Vec<RunId>>> + Send;
    /// Oldest first.
    fn workers(&self) -> impl Future<Output = StoreResult<Vec<Worker>>> + Send;

    // Reading.

    fn flow_run(&self, id: RunId) -> impl Future<Output = StoreResult<Option<FlowRun>>> + Send;
    /// The runs that a person may mean by this: of this id, whose id begins so, or of this
    /// name. At most `count`, newest first.
    fn find_runs(
        &self,
        text: &IdPrefix,
        count: u32,
    ) -> impl Future<Output = StoreResult<Vec<FlowRun>>> + Send;
    /// Newest first.
    fn flow_runs(
        &self,
        filter: RunFilter,
    ) -> impl Future<Output = StoreResult<Vec<FlowRun>>> + Send;
    /// How many of a run's children are in each state, in the order of the states.
    fn child_states(
        &self,
        parent: RunId,
    ) -> impl Future<Output = StoreResult<Vec<(StateType, u64)>>> + Send;
    /// Oldest first.
    fn history(&self, run: RunId) -> impl Future<Output = StoreResult<Vec<State>>> + Send;
    /// Oldest first.
    fn task_runs(
        &self,
        filter: TaskRunFilter,
    ) -> impl Future<Output = StoreResult<Vec<TaskRun>>> + Send;
    /// Lines after the cursor, oldest first.
    fn logs(
        &self,
        filter: LogFilter,
    ) -> impl Future<Output = StoreResult<Vec<(LogCursor, LogLine)>>> + Send;

    /// Listens from now on.
    fn listen(&self, topic: Topic) -> StoreResult<Self::Listener>;
}

/// Tells when there may be something new. Never the only way to notice: it also speaks up
/// after a while without need, so that a lost message costs time and nothing else.
pub trait Listener: Send + 'static {
    /// Returns once something may have happened since the last return (or since the
    /// listener was made). Cancel safe.
    fn heard(&mut self) -> impl Future<Output = ()> + Send;
}

/// What a listener wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Runs that became ready, timers that were set, calls that settled: for those who
    /// execute.
    Ready,
    /// Anything about any run: for those who watch.
    Change,
}

/// What became of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    Created,
    Updated,
    /// It was the same already.
    Unchanged,
}

/// A change of a work pool; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolChange {
    pub paused: Option<bool>,
    /// `Some(None)` takes the limit away.
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
    /// Workers whose lease is not over.
    pub workers: u64,
    pub deployments: u64,
}

/// A worker's offer to take runs, for as long as it is open.
#[derive(Debug)]
pub struct Offer {
    withdrawn: AtomicBool,
    /// The time of a claim that waited.
    pub clock: fn() -> Timestamp,
}

impl Offer {
    pub fn new(clock: fn() -> Timestamp) -> Self {
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

/// Which flow runs to list. What is empty does not restrict.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub states: Vec<StateType>,
    pub flow: Option<FlowName>,
    pub deployment: Option<DeploymentName>,
    pub pool: Option<PoolName>,
    pub parent: Option<RunId>,
    pub tag: Option<String>,
    /// At most so many; 0: all.
    pub count: u32,
}

/// Which task runs to list.
#[derive(Clone, Debug, Default)]
pub struct TaskRunFilter {
    /// Called by this run, or by any subflow within it.
    pub flow_run: Option<RunId>,
    pub states: Vec<StateType>,
    /// At most so many; 0: all. The newest ones, oldest first.
    pub count: u32,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor(pub i64);

/// Which lines to read.
#[derive(Clone, Debug)]
pub struct LogFilter {
    /// Of these runs, and of the subflows within them.
    pub runs: Vec<RunId>,
    pub after: LogCursor,
    pub level_min: LogLevel,
    /// At most so many; 0: all.
    pub count: u32,
}
