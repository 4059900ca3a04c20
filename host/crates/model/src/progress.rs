//! What happens to a run between its claim and its end, as it is recorded.

use super::{
    Entry, FlowRun, Lease, LogLine, Outcome, PoolName, RunId, Seq, Settlement, State, TaskRun,
    Timestamp, WorkerId,
};

/// What a run under lease has done since the last time.
#[derive(Clone, Debug)]
pub struct Progress {
    pub lease: Lease,
    /// The run's own transitions, in order; the last is where it is then.
    pub states: Vec<State>,
    /// New entries, at consecutive positions. An entry that started a run, or watches one,
    /// settles when that run is terminal, which may be at once. One with a due time settles
    /// then.
    pub entries: Vec<Entry>,
    /// Settlements of earlier entries. One that has settled already is left alone.
    pub settled: Vec<Settled>,
    /// Runs created by the entries.
    pub children: Vec<NewRun>,
    pub subflows: Vec<SubflowChange>,
    /// Created or replaced, by id.
    pub task_runs: Vec<TaskRun>,
    pub logs: Vec<LogLine>,
    /// Lines among `logs` that the flow's own code said.
    pub logged: u64,
    pub next: Next,
}

impl Progress {
    /// Nothing yet.
    pub fn new(lease: Lease) -> Self {
        Self {
            lease,
            states: Vec::new(),
            entries: Vec::new(),
            settled: Vec::new(),
            children: Vec::new(),
            subflows: Vec::new(),
            task_runs: Vec::new(),
            logs: Vec::new(),
            logged: 0,
            next: Next::Continue,
        }
    }

    /// Whether recording it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
            && self.entries.is_empty()
            && self.settled.is_empty()
            && self.children.is_empty()
            && self.subflows.is_empty()
            && self.task_runs.is_empty()
            && self.logs.is_empty()
            && matches!(self.next, Next::Continue)
    }
}

/// What a run does after what is recorded.
#[derive(Clone, Debug)]
pub enum Next {
    /// Goes on.
    Continue,
    /// Gives its slot back until `count` of the calls in `awaited` that have not settled do
    /// so; then it is ready. Unless that is so already: then it goes on, and the last of
    /// `states` (which says `Waiting`) is left out.
    /// In any case it is ready at `until`: at its deadline, or when a task of it is due to
    /// be tried again.
    Wait {
        awaited: Vec<Seq>,
        count: u32,
        until: Option<Timestamp>,
    },
    /// Gives everything up, to be claimed again from `at` on: a retry, or a worker that
    /// stops. `next_attempt` tells the one from the other: it begins with an empty journal,
    /// and what was finished is kept aside.
    Release { at: Timestamp, next_attempt: bool },
    /// Is over. Whoever watches it is told in the same transaction, and subflows that have
    /// not ended end likewise.
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
    /// As asked.
    Done,
    /// It wanted to wait, and what it waits for is there already: it goes on.
    Ready,
    /// The run is to be cancelled. It keeps its slot while it cleans up, so a wish to wait
    /// was left out, as were its states.
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
    /// Only this worker may claim it, outside its pool's limit, for as long as the worker
    /// lives.
    pub reserved_for: Option<WorkerId>,
}

/// A wish for runs.
#[derive(Clone, Debug)]
pub struct Claim {
    pub worker: WorkerId,
    /// The pool to pull from; none: only what is reserved for the worker.
    pub pool: Option<PoolName>,
    /// Only runs of this work queue.
    pub work_queue: Option<String>,
    pub count: u32,
    pub now: Timestamp,
}

/// A run that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub run: FlowRun,
    pub lease: Lease,
    /// How many entries its journal has; with none it starts from nothing.
    pub journal_len: u64,
    /// How many lines the flow's own code has logged, which it says again on replay.
    pub logged: u64,
}

/// What became of a wish to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// The run was over already, in this state.
    Over(State),
    /// It had not begun, and is cancelled.
    Done,
    /// It has been told, and will end after its clean-up.
    Told,
}
