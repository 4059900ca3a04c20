//! Lines of cron, with the special cases of Vixie cron.
//!
//! | the clock | a line for certain hours | a line for every hour |
//! |---|---|---|
//! | goes forward over its time | runs at once, at the end of what is skipped | that time does not exist |
//! | goes back over its time | runs the first time only | runs both times |
//!
//! cron(8) says so of changes "of less than three hours"; no zone has had others for a century, but
//! for those that changed their date. What it calls jobs that "run with a granularity greater than
//! one hour" are here lines whose field of hours leaves one out.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, errors::CronError};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::error::CalendarError;

/// A line of cron.
#[derive(Debug)]
pub(super) struct CronTable {
    cron: Cron,
    /// Whether it leaves out an hour of the day.
    has_hours: bool,
}

impl CronTable {
    pub fn new(line: &str) -> Result<Self, CalendarError> {
        let line = line.trim();
        let fields = line.split_whitespace().count();
        if fields != 5 && !line.starts_with('@') {
            let fields = match fields {
                1 => "1 field".to_owned(),
                fields => format!("{fields} fields"),
            };
            let line = line.to_owned();
            return Err(CalendarError::Fields { line, fields });
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(line).map_err(|err| CalendarError::Cron {
            line: line.to_owned(),
            reason: reason(&parser, line, &err),
        })?;
        let hours = &cron.pattern.hours;
        let has_hours = hours.values().len() < 24;
        Ok(Self { cron, has_hours })
    }

    /// The first slot after this time.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.has_hours {
            self.next_of_hours(zone, after)
        } else {
            self.next_of_all_hours(zone, after)
        }
    }

    /// Each time on the clock is one slot.
    fn next_of_hours(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut clock = zone.to_datetime(after);
        loop {
            clock = self.on_the_clock(clock, false)?;
            let ambiguous = zone.to_ambiguous_timestamp(clock);
            let slot = match ambiguous.offset() {
                AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(clock).ok()?,
                AmbiguousOffset::Gap { before, .. } => {
                    // What would be this time had the clock not changed is after the change.
                    let unchanged = before.to_timestamp(clock).ok()?;
                    zone.preceding(unchanged).next()?.timestamp()
                }
                AmbiguousOffset::Fold { before, .. } => before.to_timestamp(clock).ok()?,
            };
            if slot > after {
                return Some(slot);
            }
        }
    }

    /// Each span between two changes of the clock has its own slots.
    fn next_of_all_hours(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let (mut from, mut is_inclusive) = (after, false);
        loop {
            let offset = zone.to_offset(from);
            let change = zone.following(from).next().map(|change| change.timestamp());
            let clock = self.on_the_clock(offset.to_datetime(from), is_inclusive)?;
            let slot = offset.to_timestamp(clock).ok()?;
            match change {
                Some(change) if slot >= change => (from, is_inclusive) = (change, true),
                _ => return Some(slot),
            }
        }
    }

    fn on_the_clock(&self, from: DateTime, is_inclusive: bool) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, is_inclusive).ok()
    }
}

/// The fields of a line, with what stands in each.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31, or `L` for the last"),
    ("month", "1-12, or JAN-DEC"),
    ("day of the week", "0-7, or SUN-SAT"),
];

/// Which field is wrong, or the library's reason.
fn reason(parser: &CronParser, line: &str, err: &CronError) -> String {
    if line.starts_with('@') {
        return "it is not one of @yearly, @monthly, @weekly, @daily and @hourly".to_owned();
    }
    let is_wrong = |(at, field): &(usize, &str)| {
        let mut alone = ["*"; FIELDS.len()];
        alone[*at] = field;
        parser.parse(&alone.join(" ")).is_err()
    };
    match line.split_whitespace().enumerate().find(is_wrong) {
        Some((at, field)) => {
            let (name, holds) = FIELDS[at];
            format!("{name} `{field}` is not of {holds}")
        }
        None => err.to_string().trim_end_matches('.').to_owned(),
    }
}
