//! What a decision asks of the store, as data.

use std::borrow::Cow;

use super::end::{EndingSubflow, OpenSubflows, WatchersOf};
use super::head::{RunKey, Tally};
use super::record::{Cleaning, SlotFreed, Waiting};
use super::settle::{Settling, Watching};
use crate::model::{
    Entry, FlowName, FlowRun, LogLine, NewRun, Outcome, PoolName, Recorded, RunId, Seq,
    Settlement, State, TaskRun, Timestamp, WorkerId,
};

/// Steps to be taken in order, in one transaction. `'p` is the event that they borrow from,
/// so that rows are not copied on their way.
#[derive(Debug, Default)]
pub struct Plan<'p> {
    pub steps: Vec<Step<'p>>,
    /// Who is to be told, after the commit.
    pub news: News,
    /// What a record comes to, once that is known. A later answer overrides an earlier one.
    pub recorded: Option<Recorded>,
}

#[derive(Debug)]
pub enum Step<'p> {
    /// Fails the whole plan if it is not so.
    Need(Need<'p>),
    Do(Change<'p>),
    /// The answer makes another plan, which is carried out before the next step.
    Ask(Question<'p>),
}

impl<'p> Plan<'p> {
    pub(super) fn need(&mut self, need: Need<'p>) {
        self.steps.push(Step::Need(need));
    }

    pub(super) fn change(&mut self, change: Change<'p>) {
        self.steps.push(Step::Do(change));
    }

    pub(super) fn ask(&mut self, question: Question<'p>) {
        self.steps.push(Step::Ask(question));
    }

    pub(super) fn tell(&mut self, news: News) {
        self.news = self.news.and(news);
    }

    /// Takes the steps of another plan after its own.
    pub(super) fn append(&mut self, mut other: Self) {
        self.steps.append(&mut other.steps);
        self.tell(other.news);
        self.recorded = other.recorded.or(self.recorded);
    }
}

/// What somebody may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Something is there for those who execute.
    pub ready: bool,
    /// Something is there for those who watch.
    pub change: bool,
}

impl News {
    /// What those who execute want to know is news for those who watch, too.
    pub const READY: Self = Self {
        ready: true,
        change: true,
    };
    pub const CHANGE: Self = Self {
        ready: false,
        change: true,
    };

    pub fn and(self, other: Self) -> Self {
        Self {
            ready: self.ready || other.ready,
            change: self.change || other.change,
        }
    }
}

/// What must be so, and only the database can tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need<'p> {
    /// The pool exists.
    Pool(&'p PoolName),
    /// The worker is registered.
    Worker(WorkerId),
    /// No run of the flow has this idempotency key.
    FreeKey { flow: &'p FlowName, key: &'p str },
}

/// A change of what is stored.
#[derive(Clone, Debug)]
pub enum Change<'p> {
    /// A new run, with the first line of its history.
    AddRun {
        run: &'p FlowRun,
        key: Option<&'p str>,
        reserved_for: Option<WorkerId>,
        ready_at: Option<Timestamp>,
    },
    /// A new run that ends as it begins: with two lines of history, and never ready.
    AddEndedRun {
        new: &'p NewRun,
        state: State,
        outcome: Outcome,
    },
    /// A new entry of the journal.
    AddEntry {
        run: RunKey,
        entry: &'p Entry,
        /// Settled from the beginning.
        settled: Option<(Timestamp, Cow<'p, Settlement>)>,
        /// When it settles by itself.
        due: Option<Timestamp>,
        /// The run whose end settles it.
        watches: Option<Target>,
        /// Whether the next attempt is given it, as it is now.
        keep: bool,
    },
    /// A call settles. Whether the next attempt is given it is decided with that.
    Settle {
        run: RunKey,
        seq: Seq,
        at: Timestamp,
        settlement: Cow<'p, Settlement>,
        keep: bool,
    },
    /// A waiting run needs so many more settlements.
    CountDown { run: RunKey, left: u64 },
    /// A waiting run has what it needs, and is ready from then on.
    Wake { run: RunKey, at: Timestamp },
    /// Nobody watches the end of this run any more.
    ForgetWatchers { target: RunKey },
    /// A task run is created, or replaced by its id.
    PutTaskRun { run: RunKey, task_run: &'p TaskRun },
    /// Lines of this run or of subflows within it.
    AddLogs {
        run: RunKey,
        id: RunId,
        lines: &'p [LogLine],
    },
    /// Notes that the run waits for these calls since this epoch.
    Await {
        run: RunKey,
        calls: Vec<Seq>,
        epoch: u64,
    },
    /// A run under lease goes on. Touches nothing by which runs are found.
    Advance {
        run: RunKey,
        /// Its new states, the last of which it is in. They are the last lines of the tally.
        states: &'p [State],
        tally: Tally,
    },
    /// A run gives up its lease for a while.
    Leave {
        run: RunKey,
        /// States that it only passed through.
        passed: &'p [State],
        state: &'p State,
        tally: Tally,
        attempt: u32,
        /// When it is ready in any case.
        ready_at: Option<Timestamp>,
        /// How many settlements it waits for.
        missing: Option<u64>,
    },
    /// A worker takes a run.
    Claim {
        run: RunKey,
        state: State,
        /// With the new line of history, if there is one.
        states: u64,
        is_new_line: bool,
        attempt: u32,
        epoch: u64,
        worker: WorkerId,
    },
    /// A run enters a state by somebody else's doing, and waits for nothing from then on.
    Enter {
        run: RunKey,
        state: State,
        states: u64,
        ready_at: Option<Timestamp>,
        keeps_lease: bool,
        keeps_reservation: bool,
        crashes: u32,
    },
    /// Whoever had the run, or had it reserved, has it no more; its state stays.
    GiveUp {
        run: RunKey,
        keeps_reservation: bool,
        /// Stays as it is if there is none.
        ready_at: Option<Timestamp>,
    },
    /// A run that was over begins a new attempt.
    Reopen {
        run: RunKey,
        state: State,
        tally: Tally,
        attempt: u32,
        ready_at: Timestamp,
    },
    /// Empties the journal for a new attempt, and sets aside what is marked to be kept.
    EmptyJournal { run: RunKey, keep: bool },
    /// A run is over.
    End {
        run: RunKey,
        passed: &'p [State],
        state: Cow<'p, State>,
        outcome: Cow<'p, Outcome>,
        tally: Tally,
    },
    /// Task runs of the run that have not ended do so.
    EndTaskRuns { run: RunKey, state: State },
}

/// The run that an entry watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The run that was added as the n-th by the plan, from 0.
    Added(usize),
    Run(RunKey),
}

/// What a decision has to know before it can go on. Each has a method `answered`, which
/// makes the plan.
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
}
