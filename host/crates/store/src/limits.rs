//! Limits across runs.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use async_trait::async_trait;
use model::{Limit, LimitName, RunId, RunName, Seq, Taker, TaskRunId, Timestamp};

use orchestrator::lifecycle::Standing;

use crate::StoreResult;

/// Creates, changes and lists limits. Who gets a slot is decided by
/// [`orchestrator::lifecycle::may_have`] when a run is claimed, and when a slot becomes free.
#[async_trait]
pub trait Limits: Send + Sync + 'static {
    /// Errs if there is one of this name.
    async fn create_limit(&self, limit: Limit) -> StoreResult<()>;

    /// Errs if it does not exist. Whoever may have a slot by that has it.
    async fn change_limit(&self, name: &LimitName, change: LimitChange) -> StoreResult<Limit>;

    /// Errs if it does not exist. What waited for it goes on.
    async fn delete_limit(&self, name: &LimitName) -> StoreResult<()>;

    /// Those that people have made, and those that deployments have of their own, by name.
    async fn limits(&self) -> StoreResult<Vec<LimitUse>>;

    /// Those of these limits that exist.
    async fn known_limits(&self, limits: &[LimitName]) -> StoreResult<Vec<LimitName>>;

    /// Those of a run's calls that have the slots that they have asked for.
    async fn permitted(&self, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Seq>>;

    /// Who has slots of a limit, in the order in which they got them, and then who waits, in that of
    /// their places: so many at most.
    async fn permits(&self, limit: &LimitName, count: u32) -> StoreResult<Vec<Permit>>;

    /// Who has slots, who waits for some, and who waits for those. Empty if nobody waits for a slot, or
    /// nobody waits who has some.
    async fn standing(&self) -> StoreResult<Standing>;

    /// Somebody who waits gets its slots, whoever stands before it, if all of them are free:
    /// [`who_may_pass`](orchestrator::lifecycle::who_may_pass) tells who. Whether it has got them.
    async fn let_pass(&self, run: RunId, taker: Option<Taker>, now: Timestamp)
    -> StoreResult<bool>;
}

/// A change of a limit. A field that is `None` changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitChange {
    pub slots: Option<u32>,
    /// `Some(None)` makes a limit of how many at once from a rate limit.
    pub per: Option<Option<Duration>>,
}

impl LimitChange {
    /// Applies it.
    pub fn change(self, limit: &mut Limit) {
        limit.slots = self.slots.unwrap_or(limit.slots);
        limit.per = self.per.unwrap_or(limit.per);
    }
}

/// A limit and how it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitUse {
    pub limit: Limit,
    /// Slots that are taken, in all of its lines.
    pub taken: u64,
    /// Runs that wait for some.
    pub waiting: u64,
}

/// A task run and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRunName {
    pub id: TaskRunId,
    pub name: String,
}

/// A run that has slots of a limit, or waits for some.
#[derive(Clone, Debug, PartialEq)]
pub struct Permit {
    pub run: RunId,
    pub name: RunName,
    /// What of the run takes them. None: the run itself, as long as it is under way.
    pub taker: Option<Taker>,
    /// The task run, if a task takes them and has been recorded.
    pub task_run: Option<TaskRunName>,
    pub line: String,
    pub slots: u32,
    pub asked: Timestamp,
    /// None: it waits.
    pub granted: Option<Timestamp>,
}

impl Permit {
    /// The call of a task that takes them.
    pub fn task(&self) -> Option<Seq> {
        match self.taker {
            Some(Taker::Task(seq)) => Some(seq),
            _ => None,
        }
    }
}

/// Permits as an engine reads them, each with the key of its run: the tasks are named afterwards.
pub struct Unnamed<K>(pub Vec<(K, Permit)>);

impl<K: Copy + Eq + Hash> Unnamed<K> {
    /// The calls of tasks that take slots.
    pub fn calls(&self) -> Vec<(K, Seq)> {
        let call = |(run, permit): &(K, Permit)| Some((*run, permit.task()?));
        self.0.iter().filter_map(call).collect()
    }

    /// With the names of these calls.
    pub fn named(self, names: &HashMap<(K, Seq), TaskRunName>) -> Vec<Permit> {
        let name = |(run, permit): (K, Permit)| Permit {
            task_run: permit
                .task()
                .and_then(|seq| names.get(&(run, seq)).cloned()),
            ..permit
        };
        self.0.into_iter().map(name).collect()
    }
}
