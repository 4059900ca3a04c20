//! What a decision asks of the store, as data.

use std::borrow::Cow;
use std::time::Duration;

use super::head::{OriginKey, RunKey, Tally};
use super::losses::Losses;
use super::question::Question;
use model::{
    Artifact, AskedPermit, CachedResult, Entry, Failure, FlowName, FlowRun, LogLine, NewRun,
    Outcome, PoolName, Recorded, RunId, Seq, Settlement, State, StateType, Taker, TaskLine,
    TaskRun, Timestamp, Waits, WorkerId,
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
}

/// Which listeners are to be told after the commit.
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
    AddRun(AddRun<'p>),
    /// A new run that ends as it begins: with two lines of history, and never ready.
    AddEndedRun {
        new: &'p NewRun,
        state: State,
        outcome: Outcome,
        says: Says<'p>,
    },
    AddEntry(AddEntry<'p>),
    /// A call settles. Whether the next attempt is given it is decided with that.
    Settle {
        run: RunKey,
        seq: Seq,
        at: Timestamp,
        settlement: Cow<'p, Settlement>,
        keep: bool,
    },
    /// A waiting run needs so many more settlements.
    CountDown {
        run: RunKey,
        left: u64,
    },
    /// A waiting run has what it needs, and is ready from then on.
    Wake {
        run: RunKey,
        at: Timestamp,
    },
    /// No call watches the end of this run any more.
    ForgetWatchers {
        target: RunKey,
    },
    /// A task run is created, or replaced by its id.
    PutTaskRun {
        run: RunKey,
        task_run: &'p TaskRun,
    },
    /// Artifacts of this run or of subflows within it: created, or replaced by their id.
    PutArtifacts {
        run: RunKey,
        id: RunId,
        artifacts: &'p [Artifact],
    },
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
    Advance(Advance<'p>),
    Leave(Leave<'p>),
    Claim(Claim),
    Enter(Enter),
    GiveUp(GiveUp),
    Reopen(Reopen),
    /// Sets these calls of the journal aside for the next attempt, under their identities.
    Keep {
        run: RunKey,
        identities: Vec<(Seq, String)>,
    },
    /// The next attempt is given nothing.
    ForgetKept {
        run: RunKey,
    },
    /// Keeps what only the journal knows of an attempt that is over: when it called timers,
    /// and asked people for input. Task runs and children are kept where they are.
    Remember {
        run: RunKey,
        attempt: u32,
    },
    /// The run has no idempotency key any more.
    ReleaseKey {
        run: RunKey,
    },
    /// Empties the journal for a new attempt.
    EmptyJournal {
        run: RunKey,
    },
    End(End<'p>),
    /// The run gives back slots of limits, or leaves their lines. What waits for that goes on.
    GiveBack {
        run: RunKey,
        at: Timestamp,
        what: GivenBack,
    },
    /// A call of the run asks for slots of limits.
    AskPermit {
        run: RunKey,
        asked: &'p AskedPermit,
    },
    /// Keeps results of tasks for other runs, in the place of earlier ones of the same keys.
    Cache(&'p [CachedResult]),
    /// Task runs of the run that have not ended do so.
    EndTaskRuns {
        run: RunKey,
        id: RunId,
        line: TaskLine,
    },
}

/// What new lines of a history say besides their states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Says<'p> {
    /// The attempt that all of them belong to.
    pub attempt: u32,
    /// The worker that took the run with the last of them, or that lost it.
    pub worker: Option<WorkerId>,
    /// Why the attempt did not succeed that ends with the last of them.
    pub cause: Option<Cow<'p, Failure>>,
    /// What the run waits for.
    pub waits: Option<&'p Waits>,
}

impl<'p> Says<'p> {
    /// Nothing but the attempt.
    pub fn of(attempt: u32) -> Self {
        Self {
            attempt,
            ..Self::default()
        }
    }

    pub(super) fn by(self, worker: Option<WorkerId>) -> Self {
        Self { worker, ..self }
    }

    /// How the attempt ended.
    pub(super) fn ending(self, outcome: &Cow<'p, Outcome>) -> Self {
        let cause = match outcome {
            Cow::Borrowed(Err(failure)) => Some(Cow::Borrowed(failure)),
            Cow::Owned(Err(failure)) => Some(Cow::Owned(failure.clone())),
            _ => None,
        };
        Self { cause, ..self }
    }
}

/// A new run, with the first line of its history.
#[derive(Clone, Debug)]
pub struct AddRun<'p> {
    pub run: &'p FlowRun,
    pub key: Option<&'p str>,
    pub reserved_for: Option<WorkerId>,
    pub ready_at: Option<Timestamp>,
}

impl AddRun<'_> {
    pub fn says(&self) -> Says<'static> {
        Says::of(self.run.attempt)
    }
}

/// A new entry of the journal.
#[derive(Clone, Debug)]
pub struct AddEntry<'p> {
    pub run: RunKey,
    pub entry: &'p Entry,
    /// Settled from the beginning.
    pub settled: Option<(Timestamp, Cow<'p, Settlement>)>,
    /// When it settles by itself.
    pub due: Option<Timestamp>,
    /// The run whose end settles it.
    pub watches: Option<Target>,
    /// Whether the next attempt is given it, as it is now.
    pub keep: bool,
}

/// A run under lease goes on. Touches nothing by which runs are found.
#[derive(Clone, Debug)]
pub struct Advance<'p> {
    pub run: RunKey,
    pub id: RunId,
    /// Its new states, the last of which it is in; they are the last lines of its history.
    pub states: &'p [State],
    pub says: Says<'p>,
    pub tally: Tally,
}

/// A run gives up its lease for a while.
#[derive(Clone, Debug)]
pub struct Leave<'p> {
    pub run: RunKey,
    pub id: RunId,
    /// States that it only passed through.
    pub passed: &'p [State],
    pub state: &'p State,
    pub says: Says<'p>,
    pub tally: Tally,
    /// The one that comes next, or goes on.
    pub attempt: u32,
    /// When it is ready in any case.
    pub ready_at: Option<Timestamp>,
    /// How many settlements it waits for.
    pub missing: Option<u64>,
    /// How long an attempt took that is over with this.
    pub spent: Duration,
}

/// What a run gives back of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBack {
    All,
    /// What its tasks have: nobody executes them any more.
    OfTasks,
    /// What its code has: an attempt is over.
    OfCode,
    Of(Taker),
}

impl GivenBack {
    /// Stands for the run itself, where what it takes is kept beside what its calls take.
    pub const WHOLE: i64 = 0;

    /// Where what is taken so is kept, beside [`WHOLE`](Self::WHOLE): under the position of its
    /// call, which is negative for what the code of a flow has.
    pub fn number(by: Taker) -> i64 {
        match by {
            Taker::Task(seq) => seq.0.cast_signed(),
            Taker::Code(seq) => -seq.0.cast_signed(),
        }
    }

    /// What takes what is kept under this number. None: the run itself.
    pub fn taker(number: i64) -> Option<Taker> {
        let seq = Seq(number.unsigned_abs());
        match number.signum() {
            1 => Some(Taker::Task(seq)),
            -1 => Some(Taker::Code(seq)),
            _ => None,
        }
    }

    /// The first and the last of the numbers that are given back.
    pub fn numbers(self) -> (i64, i64) {
        match self {
            Self::All => (i64::MIN, i64::MAX),
            Self::OfTasks => (1, i64::MAX),
            Self::OfCode => (i64::MIN, -1),
            Self::Of(by) => (Self::number(by), Self::number(by)),
        }
    }
}

/// A worker takes a run.
#[derive(Clone, Debug)]
pub struct Claim {
    pub run: RunKey,
    pub id: RunId,
    pub state: State,
    /// With the new line of history, if there is one.
    pub states: u64,
    pub is_new_line: bool,
    pub attempt: u32,
    pub epoch: u64,
    pub worker: WorkerId,
}

impl Claim {
    pub fn says(&self) -> Says<'static> {
        Says::of(self.attempt).by(Some(self.worker))
    }
}

/// A run enters a state that its worker did not record, and waits for nothing from then on.
#[derive(Clone, Debug)]
pub struct Enter {
    pub run: RunKey,
    pub id: RunId,
    pub state: State,
    pub says: Says<'static>,
    pub states: u64,
    pub ready_at: Option<Timestamp>,
    pub keeps_lease: bool,
    pub keeps_reservation: bool,
    pub losses: Losses,
}

/// The worker that had the run, or had it reserved, loses it. The state stays.
#[derive(Clone, Debug)]
pub struct GiveUp {
    pub run: RunKey,
    pub tally: Tally,
    pub losses: Losses,
    pub keeps_reservation: bool,
    /// Stays as it is if there is none.
    pub ready_at: Option<Timestamp>,
}

/// How a run ended, for those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub origin: OriginKey,
    pub state: StateType,
    pub at: Timestamp,
    /// When its last attempt began.
    pub started: Option<Timestamp>,
}

/// A run that was over begins a new attempt.
#[derive(Clone, Debug)]
pub struct Reopen {
    pub run: RunKey,
    pub id: RunId,
    /// It has not ended so any more.
    pub was: Ended,
    pub state: State,
    pub tally: Tally,
    pub attempt: u32,
    pub ready_at: Timestamp,
    /// How long the attempt took that is over.
    pub spent: Duration,
}

impl Reopen {
    pub fn says(&self) -> Says<'static> {
        Says::of(self.attempt)
    }
}

/// A run is over.
#[derive(Clone, Debug)]
pub struct End<'p> {
    pub run: RunKey,
    pub id: RunId,
    /// For a subflow: the run that it is part of.
    pub within: Option<RunId>,
    pub origin: OriginKey,
    pub passed: &'p [State],
    pub state: Cow<'p, State>,
    pub says: Says<'p>,
    pub outcome: Cow<'p, Outcome>,
    pub tally: Tally,
}

impl End<'_> {
    pub fn ended(&self) -> Ended {
        Ended {
            origin: self.origin,
            state: self.state.kind,
            at: self.state.at,
            started: self.tally.started,
        }
    }
}

/// The run that an entry watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The run that was added as the n-th by the plan, from 0.
    Added(usize),
    Run(RunKey),
}
