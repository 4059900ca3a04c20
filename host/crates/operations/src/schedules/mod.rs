//! Schedules of deployments: who may have which, and what they come to.
//!
//! [`scheduler`] makes their runs.

mod scheduler;

use model::{
    Deployment, Schedule, ScheduleId, ScheduleName, ScheduleOrigin, ScheduleRule, Timestamp,
    Timetable,
};
use orchestrator::Start;
use orchestrator::calendar::{Calendar, CalendarError};
use orchestrator::schedule::next_after_edit;
use store::{ScheduleChange, Store, StoreError};

use crate::FreshIds;
use crate::resolve::ResolveRefusal;
use crate::start::{StartRefusal, Startable};

pub use scheduler::Scheduler;

/// What is wished of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub name: ScheduleName,
    pub rule: ScheduleRule,
    /// Whether the anchor of its times was asked for. Else it is when this was wished.
    pub has_anchor: bool,
    pub is_paused: bool,
}

impl Wish {
    /// What it says in place of another. One that has the same times, and asks for no anchor, keeps
    /// that of the other: the same wish twice is the same schedule.
    fn in_place_of(&self, other: &ScheduleRule) -> ScheduleRule {
        let mut rule = self.rule.clone();
        let anchors = match (&mut rule.timetable, &other.timetable) {
            (
                Timetable::Interval { every_ms, anchor },
                Timetable::Interval {
                    every_ms: same,
                    anchor: earlier,
                },
            ) if every_ms == same => Some((anchor, earlier)),
            (
                Timetable::Rrule { rule, anchor },
                Timetable::Rrule {
                    rule: same,
                    anchor: earlier,
                },
            ) if rule == same => Some((anchor, earlier)),
            _ => None,
        };
        if let (Some((anchor, earlier)), false) = (anchors, self.has_anchor) {
            *anchor = *earlier;
        }
        rule
    }
}

/// Why a schedule is not made or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScheduleRefusal {
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// One of `cron`, `interval_ms` and `rrule` is meant.
    #[error("a schedule is one of cron, interval and rrule, and this one has {0}")]
    Kinds(&'static str),
    #[error("two schedules are called `{0}`")]
    Twice(ScheduleName),
    #[error(transparent)]
    Start(#[from] StartRefusal),
    #[error(transparent)]
    Resolve(#[from] ResolveRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks that runs of the deployment could be made by this, and that there are any to come.
pub async fn check(
    store: &dyn Store,
    deployment: &Deployment,
    rule: &ScheduleRule,
) -> Result<Calendar, ScheduleRefusal> {
    let now = store.clock().now();
    let calendar = Calendar::to_come(rule, now)?;
    let startable = Startable::of_deployment(store, deployment.clone()).await?;
    let trial = Start::now(&mut FreshIds, rule.parameters.clone(), now);
    startable.run(trial, now)?;
    Ok(calendar)
}

/// Adds a schedule to a deployment.
pub async fn add(
    store: &dyn Store,
    deployment: &Deployment,
    wish: Wish,
    origin: ScheduleOrigin,
) -> Result<Schedule, ScheduleRefusal> {
    let calendar = check(store, deployment, &wish.rule).await?;
    insert(store, deployment, wish, origin, &calendar).await
}

/// Adds one that was checked.
async fn insert(
    store: &dyn Store,
    deployment: &Deployment,
    wish: Wish,
    origin: ScheduleOrigin,
    calendar: &Calendar,
) -> Result<Schedule, ScheduleRefusal> {
    let now = store.clock().now();
    let schedule = Schedule {
        id: ScheduleId::new(&mut FreshIds),
        deployment: deployment.name.clone(),
        name: wish.name,
        next: calendar.next(now),
        rule: wish.rule,
        is_paused: wish.is_paused,
        origin,
        created: now,
        updated: now,
        last: None,
        is_held: false,
    };
    store.add_schedule(schedule.clone()).await?;
    Ok(schedule)
}

/// Pauses a schedule, or lets it go on. Slots that come while it is paused are not missed: they are
/// over.
pub async fn set_paused(
    store: &dyn Store,
    schedule: &Schedule,
    is_paused: bool,
) -> Result<Schedule, ScheduleRefusal> {
    if schedule.is_paused == is_paused {
        return Ok(schedule.clone());
    }
    let now = store.clock().now();
    let next = if is_paused {
        None
    } else {
        let made = schedule.last.map_or(now, |last| last.slot);
        Some(Calendar::new(&schedule.rule)?.next(now.max(made)))
    };
    let change = ScheduleChange {
        is_paused: Some(is_paused),
        next,
        ..ScheduleChange::default()
    };
    Ok(store.change_schedule(schedule.id, change, now).await?)
}

/// Makes the schedules that a deployment was deployed with these, which were checked. What was added by a person stays;
/// one of the same name stays paused, and goes on where it was if its times are the same. Returns
/// whether anything is different.
pub async fn replace(
    store: &dyn Store,
    deployment: &Deployment,
    wishes: &[Wish],
) -> Result<bool, ScheduleRefusal> {
    let before = store.schedules(Some(&deployment.name)).await?;
    let now = store.clock().now();
    let mut is_changed = false;
    for wish in wishes {
        let Some(other) = before.iter().find(|it| it.name == wish.name) else {
            let calendar = Calendar::new(&wish.rule)?;
            let origin = ScheduleOrigin::Deployed;
            insert(store, deployment, wish.clone(), origin, &calendar).await?;
            is_changed = true;
            continue;
        };
        let rule = wish.in_place_of(&other.rule);
        if rule != other.rule {
            let calendar = Calendar::new(&rule)?;
            let next = next_after_edit(other, &rule, &calendar, now);
            let change = ScheduleChange {
                rule: Some(rule),
                next: (next != other.next).then_some(next),
                is_paused: None,
            };
            store.change_schedule(other.id, change, now).await?;
            is_changed = true;
        }
    }
    let is_wished = |schedule: &&Schedule| wishes.iter().any(|wish| wish.name == schedule.name);
    let of_earlier = before
        .iter()
        .filter(|it| it.origin == ScheduleOrigin::Deployed && !is_wished(it));
    for schedule in of_earlier {
        store.delete_schedule(schedule.id).await?;
        is_changed = true;
    }
    Ok(is_changed)
}

/// The slots that are to come, the first of which may have come already. No more than `count`.
pub fn slots(schedule: &Schedule, count: usize) -> Result<Vec<Timestamp>, CalendarError> {
    let calendar = Calendar::new(&schedule.rule)?;
    let slots = std::iter::successors(schedule.next, |slot| calendar.next(*slot));
    Ok(slots.take(count).collect())
}

/// What a run of a slot has of its own, as a key: a slot makes one run.
fn key(schedule: &Schedule, slot: Timestamp) -> String {
    format!("schedule {} at {slot}", schedule.id)
}
