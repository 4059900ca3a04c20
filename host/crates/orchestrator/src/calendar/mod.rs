//! When the slots of a schedule are.
//!
//! ```text
//! cron      line ---------> times on the clock --the zone--> slots
//! rrule     RFC 5545 -----> times on the clock --the zone--> slots
//! interval  anchor + n * every ----------------------------> slots
//! ```
//!
//! A calendar is a function of the schedule alone, so that every machine finds the same slots: the
//! rules of time zones are those that the program was built with, not the machine's.
//!
//! What becomes of times that a change of daylight saving skips or repeats stands with each kind.

mod cron;
mod error;
mod rrule;
mod words;
mod zone;

use jiff::tz::TimeZone;

use cron::CronTable;
pub use error::{CalendarError, INTERVAL_MIN_MS};
use model::{ScheduleRule, Timestamp, Timetable};
use rrule::Recurrence;
pub use words::in_words;

/// When the slots of one schedule are.
#[derive(Debug)]
pub struct Calendar {
    kind: Kind,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

#[derive(Debug)]
enum Kind {
    Cron(Box<CronTable>, TimeZone),
    /// In microseconds.
    Interval {
        every: i128,
        anchor: Timestamp,
    },
    Rrule(Box<Recurrence>, TimeZone),
}

impl Calendar {
    /// The calendar of a schedule. Errs if it says what no calendar can be made of.
    pub fn new(rule: &ScheduleRule) -> Result<Self, CalendarError> {
        let zone = zone::named(&rule.timezone)?;
        if let (Some(start), Some(end)) = (rule.start, rule.end)
            && end <= start
        {
            return Err(CalendarError::EndBeforeStart { start, end });
        }
        let kind = match &rule.timetable {
            Timetable::Cron(line) => Kind::Cron(Box::new(CronTable::new(line)?), zone),
            Timetable::Interval { every_ms, .. } if *every_ms < INTERVAL_MIN_MS => {
                return Err(CalendarError::Interval { ms: *every_ms });
            }
            Timetable::Interval { every_ms, anchor } => Kind::Interval {
                every: i128::from(*every_ms) * 1000,
                anchor: *anchor,
            },
            Timetable::Rrule { rule: text, anchor } => {
                let recurrence = Recurrence::new(text, *anchor, &zone, rule.end.is_some())?;
                Kind::Rrule(Box::new(recurrence), zone)
            }
        };
        Ok(Self {
            kind,
            start: rule.start,
            end: rule.end,
        })
    }

    /// The same for a schedule that is made or changed now. Errs too if no slot is to come.
    pub fn to_come(rule: &ScheduleRule, now: Timestamp) -> Result<Self, CalendarError> {
        let calendar = Self::new(rule)?;
        match calendar.next(now) {
            Some(_) => Ok(calendar),
            None => Err(CalendarError::NeverDue {
                timetable: rule.timetable.clone(),
            }),
        }
    }

    /// The first slot after this time.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let just_before = |start: Timestamp| Timestamp(start.0.saturating_sub(1));
        let after = self
            .start
            .map_or(after, |start| after.max(just_before(start)));
        let next = match &self.kind {
            Kind::Cron(table, zone) => {
                let next = table.next(zone, zone::instant(after)?)?;
                Some(Timestamp(next.as_microsecond()))
            }
            Kind::Interval { every, anchor } => {
                let past = i128::from(after.0) - i128::from(anchor.0);
                let next = i128::from(anchor.0) + (past.div_euclid(*every) + 1) * every;
                i64::try_from(next).ok().map(Timestamp)
            }
            Kind::Rrule(recurrence, zone) => recurrence.next(zone, after),
        };
        next.filter(|next| self.end.is_none_or(|end| *next <= end))
    }

    /// The last slot after `from` and up to `until`.
    ///
    /// It looks in ever longer spans before `until`, since the calendars can only go on.
    pub fn last(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let mut span_us: i64 = 60_000_000;
        let mut found = loop {
            let begin = Timestamp(until.0.saturating_sub(span_us)).max(from);
            match self.next(begin).filter(|slot| *slot <= until) {
                Some(slot) => break slot,
                None if begin == from => return None,
                None => span_us = span_us.saturating_mul(8),
            }
        };
        while let Some(next) = self.next(found).filter(|slot| *slot <= until) {
            found = next;
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests;
