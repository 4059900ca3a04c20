//! Schedules of a simulation, and what was made of them.

use std::collections::BTreeMap;

use super::rng::Rng;
use crate::contract::cast::{at, deployment};
use model::{
    CatchUp, Json, Overlap, RunId, Schedule, ScheduleId, ScheduleName, ScheduleOrigin,
    ScheduleRule, Timestamp, Timetable,
};
use orchestrator::calendar::Calendar;

/// A schedule, and what was made of it.
pub(super) struct Watched {
    pub id: ScheduleId,
    pub rule: ScheduleRule,
    /// Seconds between its slots.
    pub every: i64,
    /// A person has paused it, so slots may be missing.
    pub was_paused: bool,
    /// The run of each slot, and when that was decided.
    pub made: BTreeMap<Timestamp, (RunId, Timestamp)>,
    pub next: Option<Timestamp>,
}

pub(super) fn any_schedule(rng: &mut Rng, n: u64) -> Schedule {
    let timetable = if rng.percent(40) {
        Timetable::Cron(format!("*/{} * * * *", [1, 2, 5][rng.below(3)]))
    } else {
        Timetable::Interval {
            every_ms: 1000 * rng.between(5, 90),
            anchor: at(0),
        }
    };
    let rule = ScheduleRule {
        timetable,
        timezone: "UTC".to_owned(),
        parameters: Json::empty_object(),
        start: None,
        end: None,
        catch_up: CatchUp::ALL[rng.below(3)],
        overlap: Overlap::ALL[rng.below(4)],
    };
    Schedule {
        id: ScheduleId(rng.id()),
        deployment: deployment("etl/any").name,
        name: ScheduleName::trusted(format!("s{n}")),
        next: Calendar::new(&rule).unwrap().next(at(0)),
        rule,
        is_paused: false,
        origin: ScheduleOrigin::Added,
        created: at(0),
        updated: at(0),
        last: None,
        is_held: false,
    }
}

/// Seconds between slots. A slot is so many after a whole number of them since the anchor, or since
/// the hour.
pub(super) fn every(rule: &ScheduleRule) -> i64 {
    match &rule.timetable {
        Timetable::Interval { every_ms, .. } => *every_ms as i64 / 1000,
        Timetable::Cron(cron) => {
            let minutes = cron.trim_start_matches("*/").split(' ').next();
            60 * minutes.unwrap().parse::<i64>().unwrap()
        }
        Timetable::Rrule { .. } => unreachable!("there is none"),
    }
}

impl Watched {
    /// By numbers alone.
    pub fn is_slot(&self, at: Timestamp) -> bool {
        at.0 % 1_000_000 == 0 && self.since(at) % (self.every * 1_000_000) == 0
    }

    fn since(&self, time: Timestamp) -> i64 {
        match self.rule.timetable {
            Timetable::Interval { .. } => time.0 - at(0).0,
            _ => time.0,
        }
    }

    /// The last slot until then.
    pub fn last_until(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0 - self.since(time).rem_euclid(self.every * 1_000_000))
    }
}
