//! Why a schedule has no calendar.

use std::time::Duration;

use model::{Timestamp, Timetable, in_units};

use super::words::in_words;

/// The shortest interval, in milliseconds.
pub const INTERVAL_MIN_MS: u64 = 1000;

/// Why a schedule has no calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error(
        "the cron line `{line}` has {fields}; it takes 5: minute, hour, day of the month, month, day of the week"
    )]
    Fields { line: String, fields: String },
    #[error("the cron line `{line}`: {reason}")]
    Cron { line: String, reason: String },
    #[error("there is no time zone `{zone}`")]
    Zone {
        zone: String,
        nearest: Option<String>,
    },
    #[error(
        "an interval of {} is too short: the shortest is {}",
        in_units(Duration::from_millis(*ms)),
        in_units(Duration::from_millis(INTERVAL_MIN_MS))
    )]
    Interval { ms: u64 },
    #[error("the rrule `{rule}`: {reason}")]
    Rrule { rule: String, reason: String },
    #[error("the rrule `{rule}` repeats every second and has no end")]
    Endless { rule: String },
    #[error("the end, {end}, is not after the start, {start}")]
    EndBeforeStart { start: Timestamp, end: Timestamp },
    #[error("{} is never due", in_words(timetable))]
    NeverDue { timetable: Timetable },
}

impl CalendarError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Fields { .. } | Self::Cron { .. } => {
                "at 9 from Monday to Friday is `0 9 * * 1-5`".to_owned()
            }
            Self::Zone { nearest, .. } => match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "it is a name of the IANA database, such as `Europe/Berlin`".to_owned(),
            },
            Self::Interval { .. } => "an interval is a span, such as `15m`".to_owned(),
            Self::Rrule { .. } => {
                "each Monday at 9 is `FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0`".to_owned()
            }
            Self::Endless { .. } => {
                "give it a `COUNT` or an `UNTIL`, or the schedule an end".to_owned()
            }
            Self::EndBeforeStart { .. } | Self::NeverDue { .. } => {
                "a schedule has to have a slot that is to come".to_owned()
            }
        }
    }
}
