//! What happens to a run between its claim and its end, as it is recorded.

use super::{
    Artifact, CachedResult, Entry, Failure, FlowRun, Lease, LogLine, Outcome, PoolName, QueueName,
    RunId, Seq, Settlement, State, Taking, TaskRun, Timestamp, Waits, WorkerId,
};

/// What a run under lease has done since its last record.
#[derive(Clone, Debug)]
pub struct Progress {
    pub lease: Lease,
    /// The run's own transitions, in order. The last one is its state after the record.
    pub states: Vec<State>,
    /// New entries, at consecutive positions. An entry that started a run, or watches one,
    /// settles when that run is terminal, which may be at once. An entry with a due time
    /// settles at that time.
    pub entries: Vec<Entry>,
    /// Settlements of earlier entries. An entry that has settled already does not change.
    pub settled: Vec<Settled>,
    /// Runs created by the entries.
    pub children: Vec<NewRun>,
    pub subflows: Vec<SubflowChange>,
    /// Task runs, created or replaced by their id.
    pub task_runs: Vec<TaskRun>,
    pub artifacts: Vec<Artifact>,
    pub logs: Vec<LogLine>,
    /// How many of the lines in `logs` the flow's own code wrote.
    pub logged: u64,
    pub permits: PermitChanges,
    /// Results of tasks, to be kept for other runs.
    pub cached: Vec<CachedResult>,
    pub next: Next,
}

/// What a run's calls ask of limits, and give back.
#[derive(Clone, Debug, Default)]
pub struct PermitChanges {
    /// Who has asked before keeps its place.
    pub asked: Vec<AskedPermit>,
    pub given_back: Vec<(Taker, Timestamp)>,
    /// With a wait: calls that wait for slots. The run goes on if one of them has them by then, and
    /// is ready as soon as one has.
    pub awaited: Vec<Seq>,
}

/// What of a run takes slots of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taker {
    /// An attempt of the task of this call.
    Task(Seq),
    /// The code of the flow, from this call on. It has them until it gives them back, also while
    /// nobody executes it.
    Code(Seq),
}

impl Taker {
    pub fn seq(self) -> Seq {
        match self {
            Self::Task(seq) | Self::Code(seq) => seq,
        }
    }
}

/// A call asks for slots of limits: for all of these or none.
#[derive(Clone, Debug)]
pub struct AskedPermit {
    pub by: Taker,
    pub takes: Vec<Taking>,
    pub at: Timestamp,
}

impl Progress {
    /// A record of nothing.
    pub fn new(lease: Lease) -> Self {
        Self {
            lease,
            states: Vec::new(),
            entries: Vec::new(),
            settled: Vec::new(),
            children: Vec::new(),
            subflows: Vec::new(),
            task_runs: Vec::new(),
            artifacts: Vec::new(),
            logs: Vec::new(),
            logged: 0,
            permits: PermitChanges::default(),
            cached: Vec::new(),
            next: Next::Continue,
        }
    }

    /// Whether it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
            && self.entries.is_empty()
            && self.settled.is_empty()
            && self.children.is_empty()
            && self.subflows.is_empty()
            && self.task_runs.is_empty()
            && self.artifacts.is_empty()
            && self.logs.is_empty()
            && self.permits.asked.is_empty()
            && self.permits.given_back.is_empty()
            && self.cached.is_empty()
            && matches!(self.next, Next::Continue)
    }
}

/// What a run does after the record.
#[derive(Clone, Debug)]
pub enum Next {
    /// The run goes on.
    Continue,
    /// The run gives its slot back. It is ready again as soon as `count` of the calls in
    /// `awaited` have settled that have not settled yet. If that is so already, the run goes
    /// on, and the last of `states` (which says `Waiting`) is left out.
    /// It is ready at `until` in any case: at its deadline, or when the next attempt of one
    /// of its tasks is due.
    Wait {
        awaited: Vec<Seq>,
        count: u32,
        until: Option<Timestamp>,
        /// What people are told of it.
        waits: Waits,
    },
    /// The run gives up its lease and can be claimed again from `at` on. Either the worker
    /// stops, or the attempt has `failed` and the flow is retried: the next attempt begins
    /// with an empty journal, and results of finished calls are kept aside for it.
    Release {
        at: Timestamp,
        failed: Option<Failure>,
    },
    /// The run is over. The calls that watch it settle in the same transaction, and subflows
    /// that have not ended end with it.
    End { outcome: Outcome },
}

/// A subflow that began or ended.
#[derive(Clone, Debug)]
pub enum SubflowChange {
    /// A new run, in state `Running`.
    Begin(Box<FlowRun>),
    End {
        run: RunId,
        state: State,
        outcome: Outcome,
    },
}

/// A call that has settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub seq: Seq,
    pub at: Timestamp,
    pub settlement: Settlement,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The record was written as asked.
    Done,
    /// The run wanted to wait, and what it waits for has settled already: it goes on.
    Ready,
    /// The run is being cancelled. It keeps its slot while it cleans up, so it was not made
    /// to wait, and the states of the record were left out.
    Cancelling,
    /// The run is paused, and its lease is over with this record.
    Paused,
}

/// A run to be created.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// In state `Scheduled`; it is ready from `scheduled` on.
    pub run: FlowRun,
    pub idempotency_key: Option<String>,
    /// The run that has had the key until now: it loses it, if it has failed.
    pub instead_of: Option<RunId>,
    /// Only this worker may claim it, outside its pool's limit, for as long as the worker
    /// lives.
    pub reserved_for: Option<WorkerId>,
}

/// A worker's request for runs.
#[derive(Clone, Debug)]
pub struct Claim {
    pub worker: WorkerId,
    /// The pool to take runs from. None: only runs that are reserved for the worker.
    pub pool: Option<PoolName>,
    /// Take only runs of these work queues. None is named: of all.
    pub queues: Vec<QueueName>,
    pub count: u32,
    pub now: Timestamp,
}

/// A run that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub run: FlowRun,
    pub lease: Lease,
    /// How many entries its journal has. With none the run starts from the beginning.
    pub journal_len: u64,
    /// How many lines the flow's own code has logged. It writes them again on replay.
    pub logged: u64,
    /// Whether it is executed in a process of its own, because it may be what ends its workers.
    pub alone: bool,
}

/// What became of a request to cancel a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// The run had ended before, in this state, and so had everything below it.
    Over(State),
    /// The run had ended before, in this state. What it had started and goes on is cancelled.
    Below(State),
    /// The run had not begun, and is cancelled.
    Done,
    /// The run has begun. It is told, and ends after its clean-up.
    Told,
}
