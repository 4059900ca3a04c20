//! Timetables in words.

use std::time::Duration;

use model::{Timetable, in_units};

/// A timetable as people read it: `cron 0 9 * * 1-5`.
pub fn in_words(timetable: &Timetable) -> String {
    match timetable {
        Timetable::Cron(line) => format!("cron `{line}`"),
        Timetable::Interval { every_ms, .. } => {
            let every = Duration::from_millis(*every_ms);
            format!("every {}", in_units(every))
        }
        Timetable::Rrule { rule, .. } => format!("rrule `{rule}`"),
    }
}
