//! What is known of the task runs of an execution.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::{Dependencies, Retries};
use model::{CacheKey, LimitName, RetryPolicy, Seq, TaskName, TaskRun, TaskRunId};

/// The task runs of an execution.
pub(super) struct Tasks {
    /// Those that have not ended.
    pub live: HashMap<Seq, Live>,
    /// Changed since the last record.
    pub changed: BTreeSet<Seq>,
    pub ended: Vec<TaskRun>,
    pub waiting: Dependencies,
    /// Those that await their next attempt.
    pub retries: Retries,
    /// Attempts, by call and number, that call out once it is recorded that they run.
    pub held: Vec<(Seq, u32)>,
    /// Those of which an attempt has called out, so that the next one will probably, too.
    pub called_out: BTreeSet<TaskName>,
    /// Whether one of them has started since the last record.
    pub record_due: bool,
    /// Those that are to start once what they need is looked up.
    pub looking: BTreeSet<Seq>,
    pub before: HashMap<Seq, Before>,
    /// Those for which an earlier execution may have asked for slots of limits.
    pub asked_before: BTreeSet<Seq>,
    /// Those that wait for slots of limits.
    pub asking: BTreeSet<Seq>,
    /// Calls by which the code of the flow waits for slots.
    pub taking: BTreeSet<Seq>,
    /// Those that have them.
    pub permitted: BTreeSet<Seq>,
    /// Whether one has asked since the last record.
    pub ask_due: bool,
    /// Whether one may have got them since it was looked last.
    pub look_due: bool,
    /// Whether those that wait ask once more: a pause has taken them out of their lines.
    pub ask_again: bool,
    /// Whether an attempt has failed since the last record.
    pub failed: bool,
    /// What is recorded of tasks that have not ended, until the flow calls them again.
    pub recorded: HashMap<TaskRunId, TaskRun>,
    /// Numbers the runs of a task in this flow.
    pub numbers: HashMap<TaskName, u32>,
}

/// A task run that has not ended.
pub(super) struct Live {
    pub run: TaskRun,
    pub retry: RetryPolicy,
    pub timeout: Option<Duration>,
}

/// What is known before an attempt.
pub(super) struct Before {
    /// Under what its result is kept.
    pub key: Option<CacheKey>,
    /// The limits that its tags have.
    pub limits: Vec<LimitName>,
    /// Whether it is so now. Otherwise it is looked up before the next attempt.
    pub is_current: bool,
}

impl Tasks {
    pub fn new(recorded: Vec<TaskRun>) -> Self {
        Self {
            live: HashMap::new(),
            changed: BTreeSet::new(),
            ended: Vec::new(),
            waiting: Dependencies::default(),
            retries: Retries::default(),
            held: Vec::new(),
            called_out: BTreeSet::new(),
            record_due: false,
            looking: BTreeSet::new(),
            before: HashMap::new(),
            asked_before: BTreeSet::new(),
            asking: BTreeSet::new(),
            taking: BTreeSet::new(),
            permitted: BTreeSet::new(),
            ask_due: false,
            look_due: false,
            ask_again: false,
            failed: false,
            recorded: recorded.into_iter().map(|run| (run.id, run)).collect(),
            numbers: HashMap::new(),
        }
    }

    /// Whether any task is on its way by itself, without anything outside.
    pub fn any_executing(&self) -> bool {
        self.live.len() > self.waiting.len() + self.retries.len() + self.asking.len()
    }

    /// All that wait for slots of limits.
    pub fn asking_all(&self) -> impl Iterator<Item = Seq> + '_ {
        self.asking.iter().chain(&self.taking).copied()
    }

    /// Whether a task is held until the next record.
    pub fn any_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether a task is held until the next record, or will be before long.
    pub fn any_to_let_out(&self) -> bool {
        self.record_due || self.ask_due || self.any_held()
    }

    pub fn is_changed(&self) -> bool {
        !(self.changed.is_empty() && self.ended.is_empty())
    }

    /// Moves what has changed to what is recorded.
    pub fn take_changed(&mut self, into: &mut Vec<TaskRun>) {
        into.append(&mut self.ended);
        self.failed = false;
        self.record_due = false;
        self.ask_due = false;
        let any_asking = self.asking_all().next().is_some();
        self.look_due |= any_asking;
        let live = std::mem::take(&mut self.changed);
        let live = live.iter().filter_map(|seq| self.live.get(seq));
        into.extend(live.map(|live| live.run.clone()));
    }

    /// A task run that has not ended, which is about to change.
    pub fn change(&mut self, seq: Seq) -> Option<&mut Live> {
        let live = self.live.get_mut(&seq)?;
        self.changed.insert(seq);
        Some(live)
    }

    pub fn live(&self, seq: Seq) -> Option<&Live> {
        self.live.get(&seq)
    }
}
