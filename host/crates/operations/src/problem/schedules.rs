//! Schedules that cannot be.

use model::Timetable;
use orchestrator::calendar::CalendarError;

use super::{Problem, ProblemKind};
use crate::schedules::ScheduleRefusal;

impl From<&ScheduleRefusal> for Problem {
    fn from(refusal: &ScheduleRefusal) -> Self {
        let detail = refusal.to_string();
        let invalid = |pointer: &str, hint: String| {
            Self::new(ProblemKind::InvalidRequest, detail.clone())
                .at(pointer, detail.clone())
                .hint(hint)
        };
        match refusal {
            ScheduleRefusal::Calendar(error) => invalid(pointer(error), error.hint()),
            ScheduleRefusal::Kinds(_) => invalid(
                "",
                "give one of them; a deployment may have several schedules".to_owned(),
            ),
            ScheduleRefusal::Twice(_) => invalid("/name", "give each a name of its own".to_owned()),
            ScheduleRefusal::Start(refusal) => refusal.into(),
            ScheduleRefusal::Resolve(refusal) => refusal.into(),
            ScheduleRefusal::Store(err) => err.into(),
        }
    }
}

/// Where in a request it is.
fn pointer(error: &CalendarError) -> &'static str {
    match error {
        CalendarError::Fields { .. } | CalendarError::Cron { .. } => "/cron",
        CalendarError::Zone { .. } => "/timezone",
        CalendarError::Interval { .. } => "/interval_ms",
        CalendarError::Rrule { .. } | CalendarError::Endless { .. } => "/rrule",
        CalendarError::EndBeforeStart { .. } => "/end",
        CalendarError::NeverDue { timetable } => match timetable {
            Timetable::Cron(_) => "/cron",
            Timetable::Rrule { .. } => "/rrule",
            // It goes on for ever, but for its end.
            Timetable::Interval { .. } => "/end",
        },
    }
}
