//! Schedules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{
    CatchUp, DeploymentName, Json, Overlap, RunId, Schedule, ScheduleId, ScheduleName,
    ScheduleOrigin, ScheduleRule, Timestamp, Timetable,
};

/// A schedule of a deployment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    pub id: ScheduleId,
    pub deployment: DeploymentName,
    pub name: ScheduleName,
    /// It has one of this, `interval_ms` and `rrule`.
    pub cron: Option<String>,
    pub interval_ms: Option<u64>,
    pub rrule: Option<String>,
    /// From when an interval or an rrule is counted.
    pub anchor: Option<Timestamp>,
    pub timezone: String,
    /// Laid over the deployment's.
    pub parameters: Json,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    /// What becomes of slots that were missed.
    pub catch_up: CatchUp,
    /// What a slot does while the run before is not over.
    pub overlap: Overlap,
    pub paused: bool,
    /// Its slot has come, and waits until the last run is over.
    pub held: bool,
    pub origin: ScheduleOrigin,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// The first slot that no run was made for. Null: there is no more.
    pub next: Option<Timestamp>,
    /// The last slot that a run was made for, and that run.
    pub last: Option<Timestamp>,
    pub last_run: Option<RunId>,
}

impl View for ScheduleView {}

impl ScheduleView {
    /// When its slots are, as people read it: ``cron `0 9 * * 1-5` ``.
    pub fn times(&self) -> String {
        let timetable = match (&self.cron, self.interval_ms, &self.rrule) {
            (Some(line), ..) => Timetable::Cron(line.clone()),
            (None, Some(every_ms), _) => Timetable::Interval {
                every_ms,
                anchor: self.anchor.unwrap_or(Timestamp(0)),
            },
            (None, None, rule) => Timetable::Rrule {
                rule: rule.clone().unwrap_or_default(),
                anchor: self.anchor.unwrap_or(Timestamp(0)),
            },
        };
        orchestrator::calendar::in_words(&timetable)
    }
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        let ScheduleRule {
            timetable,
            timezone,
            parameters,
            start,
            end,
            catch_up,
            overlap,
        } = schedule.rule;
        let (cron, interval_ms, rrule, anchor) = match timetable {
            Timetable::Cron(line) => (Some(line), None, None, None),
            Timetable::Interval { every_ms, anchor } => (None, Some(every_ms), None, Some(anchor)),
            Timetable::Rrule { rule, anchor } => (None, None, Some(rule), Some(anchor)),
        };
        Self {
            id: schedule.id,
            deployment: schedule.deployment,
            name: schedule.name,
            cron,
            interval_ms,
            rrule,
            anchor,
            timezone,
            parameters,
            start,
            end,
            catch_up,
            overlap,
            paused: schedule.is_paused,
            held: schedule.is_held,
            origin: schedule.origin,
            created: schedule.created,
            updated: schedule.updated,
            next: schedule.next,
            last: schedule.last.map(|last| last.slot),
            last_run: schedule.last.map(|last| last.run),
        }
    }
}

/// A slot of a schedule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SlotView {
    pub at: Timestamp,
}

impl View for SlotView {}

impl From<Timestamp> for SlotView {
    fn from(at: Timestamp) -> Self {
        Self { at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, later, shown};
    use model::LastSlot;

    #[test]
    fn the_shape_of_a_schedule() {
        let schedule = Schedule {
            id: ScheduleId(AT_ID.0),
            deployment: "etl/nightly".parse().unwrap(),
            name: "mornings".parse().unwrap(),
            rule: ScheduleRule {
                timetable: Timetable::Cron("0 9 * * 1-5".to_owned()),
                timezone: "Europe/Berlin".to_owned(),
                parameters: Json::trusted(r#"{"day":1}"#),
                start: Some(AT),
                end: None,
                catch_up: CatchUp::Latest,
                overlap: Overlap::CancelPrevious,
            },
            is_paused: false,
            origin: ScheduleOrigin::Deployed,
            created: AT,
            updated: AT,
            next: Some(later(5)),
            last: Some(LastSlot {
                slot: AT,
                run: AT_ID,
            }),
            is_held: false,
        };
        let view = ScheduleView::from(schedule);
        assert_eq!(view.times(), "cron `0 9 * * 1-5`");
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "id": "00000000-0000-0000-0000-000000000007",
          "deployment": "etl/nightly",
          "name": "mornings",
          "cron": "0 9 * * 1-5",
          "interval_ms": null,
          "rrule": null,
          "anchor": null,
          "timezone": "Europe/Berlin",
          "parameters": {"day":1},
          "start": "2023-11-14T22:13:20.123456Z",
          "end": null,
          "catch_up": "latest",
          "overlap": "cancel-previous",
          "paused": false,
          "held": false,
          "origin": "deployed",
          "created": "2023-11-14T22:13:20.123456Z",
          "updated": "2023-11-14T22:13:20.123456Z",
          "next": "2023-11-14T22:13:20.128456Z",
          "last": "2023-11-14T22:13:20.123456Z",
          "last_run": "00000000-0000-0000-0000-000000000007"
        }
        "#);
    }

    const AT_ID: RunId = RunId(uuid::Uuid::from_u128(7));
}
