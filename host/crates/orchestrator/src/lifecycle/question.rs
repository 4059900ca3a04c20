//! What decisions ask, and what they are answered.
//!
//! A question carries what its decision has found out so far, so that the engine only adds
//! the answer.

use std::borrow::Cow;

use super::head::{Head, RunKey, Tally};
use model::{
    DeploymentName, Entry, FlowName, Outcome, PoolName, Progress, RunId, RunName, RunSnapshot, Seq,
    Settlement, State, StateType, Timestamp, Waits,
};

/// What a decision has to know before it can go on. Each has a method `answered`, which takes
/// the answer and makes the next plan; it stands beside the decision that asks.
#[derive(Debug)]
pub enum Question<'p> {
    /// Has the flow been told that it is cancelled, by its journal?
    Cleaning(Cleaning<'p>),
    /// Has the watched run ended?
    Watching(Watching<'p>),
    /// Is the call open, and who waits for it?
    Settling(Settling<'p>),
    /// Where is the subflow?
    EndingSubflow(EndingSubflow<'p>),
    /// Which of the awaited calls are open?
    Waiting(Waiting<'p>),
    /// Who watches the run that has ended?
    WatchersOf(WatchersOf<'p>),
    /// Which subflows of the run that has ended are open?
    OpenSubflows(OpenSubflows<'p>),
    /// Does the pool have a limit?
    SlotFreed(SlotFreed),
    /// Where is the run whose idempotency key another is to have?
    Replacing(Replacing),
    /// What is in the journal that is to be emptied, and what was kept before?
    Keeping(Keeping),
}

/// Asks whether the journal of a run that is being cancelled has told the flow so already.
#[derive(Debug)]
pub struct Cleaning<'p> {
    pub(super) head: Head,
    pub(super) progress: &'p Progress,
}

impl Cleaning<'_> {
    pub fn run(&self) -> RunKey {
        self.head.key
    }
}

/// Asks whether the watched run has ended.
#[derive(Debug)]
pub struct Watching<'p> {
    /// The watched run.
    pub target: RunId,
    pub(super) run: RunKey,
    pub(super) entry: &'p Entry,
}

/// A run that is watched.
#[derive(Clone, Debug)]
pub struct Watched {
    pub key: RunKey,
    /// When and how it has ended.
    pub ended: Option<(Timestamp, RunSnapshot)>,
}

/// Asks whether the call is open, and who waits for it.
#[derive(Debug)]
pub struct Settling<'p> {
    pub run: RunKey,
    pub seq: Seq,
    pub(super) at: Timestamp,
    pub(super) settlement: Cow<'p, Settlement>,
}

/// A call that has not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenCall {
    /// Whether the next attempt would be given it, as it is.
    pub keep: bool,
    /// The epoch since which its run waits for it.
    pub awaited: Option<u64>,
    /// The run, if it has ever waited for the call.
    pub waiter: Option<Waiter>,
}

/// A run that waits, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    pub state: StateType,
    pub epoch: u64,
    /// How many settlements it waits for.
    pub missing: Option<u64>,
}

/// Asks where a subflow is that a record says has ended.
#[derive(Debug)]
pub struct EndingSubflow<'p> {
    pub within: RunId,
    pub subflow: RunId,
    pub(super) state: &'p State,
    pub(super) outcome: &'p Outcome,
}

/// What a run wants to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'p> {
    pub awaited: &'p [Seq],
    pub count: u32,
    pub until: Option<Timestamp>,
    pub waits: &'p Waits,
}

/// Asks which of the calls are open that a run wants to wait for.
#[derive(Debug)]
pub struct Waiting<'p> {
    pub run: RunKey,
    pub(super) id: RunId,
    pub(super) wish: Wish<'p>,
    pub(super) passed: &'p [State],
    pub(super) state: &'p State,
    pub(super) before: Tally,
    pub(super) tally: Tally,
    pub(super) attempt: u32,
    pub(super) epoch: u64,
    pub(super) pool: Option<PoolName>,
    /// Calls that wait for slots of limits.
    pub permits: &'p [Seq],
}

impl<'p> Waiting<'p> {
    pub fn awaited(&self) -> &'p [Seq] {
        self.wish.awaited
    }
}

/// Asks who watches a run that has ended.
#[derive(Debug)]
pub struct WatchersOf<'p> {
    pub run: RunKey,
    pub(super) id: RunId,
    pub(super) state: Cow<'p, State>,
    pub(super) outcome: Cow<'p, Outcome>,
}

/// Those who watch a run, and what they are told of it besides how it ended.
#[derive(Clone, Debug)]
pub struct Watchers {
    pub name: RunName,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    /// Those of one run stand together.
    pub calls: Vec<Watcher>,
}

/// A call that watches a run.
#[derive(Clone, Copy, Debug)]
pub struct Watcher {
    pub run: RunKey,
    pub seq: Seq,
    /// `None`: it has settled already.
    pub call: Option<OpenCall>,
}

/// Asks which subflows of a run that has ended are open.
#[derive(Debug)]
pub struct OpenSubflows<'p> {
    pub within: RunId,
    pub(super) state: Cow<'p, State>,
    pub(super) outcome: Cow<'p, Outcome>,
}

/// Asks whether a pool has a limit: then another worker may have waited for the slot that
/// was freed.
#[derive(Debug)]
pub struct SlotFreed {
    pub pool: PoolName,
}

/// Asks where a run is that is to lose its idempotency key.
#[derive(Debug)]
pub struct Replacing {
    pub run: RunId,
}

/// Asks what an attempt that is over has called, and what it had been given.
#[derive(Debug)]
pub struct Keeping {
    pub run: RunKey,
}
