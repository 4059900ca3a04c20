//! Schedules of deployments, and who makes runs of them.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use model::{
    DeploymentName, LastSlot, NewRun, Schedule, ScheduleId, ScheduleRule, Timestamp, WorkerId,
};

use crate::StoreResult;

/// Keeps schedules, and moves them on.
#[async_trait]
pub trait Schedules: Send + Sync + 'static {
    /// Those of a deployment, or all, in the order of their deployments and names.
    async fn schedules(&self, of: Option<&DeploymentName>) -> StoreResult<Vec<Schedule>>;

    async fn schedule(&self, id: ScheduleId) -> StoreResult<Option<Schedule>>;

    /// Errs if there is no such deployment, or if it has a schedule of this name.
    async fn add_schedule(&self, schedule: Schedule) -> StoreResult<()>;

    /// Errs if it does not exist.
    async fn change_schedule(
        &self,
        id: ScheduleId,
        change: ScheduleChange,
        now: Timestamp,
    ) -> StoreResult<Schedule>;

    /// Errs if it does not exist. Runs that it has made stay.
    async fn delete_schedule(&self, id: ScheduleId) -> StoreResult<()>;

    /// Up to `count` schedules that something is to be decided about: those with a slot that has
    /// come, the earliest first, and those that were held until a run that is over now.
    async fn due_schedules(&self, now: Timestamp, count: u32) -> StoreResult<Vec<DueSchedule>>;

    /// Creates the runs of slots and moves their schedule on, all or nothing. Returns false if
    /// the schedule is not what it was when this was decided: somebody was faster.
    async fn move_schedule(&self, step: ScheduleStep) -> StoreResult<bool>;

    /// When the next slot of any schedule comes that is neither paused nor held.
    async fn next_slot(&self) -> StoreResult<Option<Timestamp>>;

    /// When the next slot of each of these deployments is, by schedules that are not paused. Those
    /// without one are left out.
    async fn next_slots(
        &self,
        deployments: &[DeploymentName],
    ) -> StoreResult<HashMap<DeploymentName, Timestamp>>;

    /// Whether `holder` has the turn to make runs of schedules, from `now` on for so long. A turn
    /// that reaches further than that is one of a clock that was wrong, and is over.
    async fn take_turn(
        &self,
        holder: WorkerId,
        now: Timestamp,
        span: Duration,
    ) -> StoreResult<bool>;

    /// Gives up the turn, if `holder` has it.
    async fn end_turn(&self, holder: WorkerId) -> StoreResult<()>;
}

/// What is to be different about a schedule. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScheduleChange {
    pub rule: Option<ScheduleRule>,
    pub is_paused: Option<bool>,
    /// `Some(None)`: there is no more slot. A schedule that is given a slot is not held any more.
    pub next: Option<Option<Timestamp>>,
}

impl ScheduleChange {
    /// What a schedule is after this.
    #[must_use]
    pub fn of(self, before: Schedule, now: Timestamp) -> Schedule {
        Schedule {
            rule: self.rule.unwrap_or(before.rule),
            is_paused: self.is_paused.unwrap_or(before.is_paused),
            is_held: before.is_held && self.next.is_none(),
            next: self.next.unwrap_or(before.next),
            // The last change is told from the one before by it.
            updated: now.max(Timestamp(before.updated.0 + 1)),
            ..before
        }
    }
}

/// A schedule that something is to be decided about.
#[derive(Clone, Debug, PartialEq)]
pub struct DueSchedule {
    pub schedule: Schedule,
    /// The run of its last slot is not over.
    pub is_last_live: bool,
}

/// A schedule goes on.
#[derive(Clone, Debug)]
pub struct ScheduleStep {
    pub id: ScheduleId,
    /// What its next slot was, and when it was changed last.
    pub seen: (Option<Timestamp>, Timestamp),
    pub runs: Vec<NewRun>,
    pub next: Option<Timestamp>,
    /// `None`: the same as before.
    pub last: Option<LastSlot>,
    pub is_held: bool,
}
