//! Recurrence rules of RFC 5545.
//!
//! They are worked out on the clock of the zone. A time that does not exist there is as long after
//! the change as the clock would have shown it; of one that comes twice it is the first.
//!
//! A rule is counted from its anchor. So that years do not make it slower, the anchor of a rule
//! without a `COUNT` is moved on by whole periods: what it says is the same from there.

use chrono::DateTime;
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};

use super::error::CalendarError;
use super::zone;
use model::Timestamp;

/// Slots that are counted from the anchor, at most.
const COUNT_MAX: u32 = 100_000;

/// A rule, on the clock of its zone.
#[derive(Debug)]
pub(super) struct Recurrence {
    rule: RRule<Unvalidated>,
    anchor: civil::DateTime,
    until: Option<Timestamp>,
}

impl Recurrence {
    /// `has_end`: something else than the rule may end it.
    pub fn new(
        text: &str,
        anchor: Timestamp,
        zone: &TimeZone,
        has_end: bool,
    ) -> Result<Self, CalendarError> {
        let refused = |reason: String| CalendarError::Rrule {
            rule: text.to_owned(),
            reason,
        };
        let upper = text.trim().to_ascii_uppercase();
        let value = upper.strip_prefix("RRULE:").unwrap_or(&upper);
        if value.contains(['\n', ':']) {
            let reason = "it is one rule without a DTSTART: the anchor says where it begins";
            return Err(refused(reason.to_owned()));
        }
        let mut parts: Vec<&str> = value.split(';').collect();
        let until = match parts.iter().position(|part| part.starts_with("UNTIL=")) {
            None => None,
            Some(at) => {
                let until = parts.remove(at).trim_start_matches("UNTIL=");
                Some(end(until, zone).ok_or_else(|| {
                    refused(format!(
                        "`{until}` is no end: one is `20261231`, `20261231T090000` or \
                         `20261231T080000Z`"
                    ))
                })?)
            }
        };
        let rule = parts.join(";").parse::<RRule<Unvalidated>>();
        let rule = rule.map_err(|err| refused(err.to_string()))?;
        if rule.get_count().is_some_and(|count| count > COUNT_MAX) {
            return Err(refused(format!("its COUNT is more than {COUNT_MAX}")));
        }
        let has_end = has_end || until.is_some() || rule.get_count().is_some();
        if rule.get_freq() == Frequency::Secondly && !has_end {
            let rule = text.to_owned();
            return Err(CalendarError::Endless { rule });
        }
        let far = || refused("its anchor is too far away".to_owned());
        let anchor = zone.to_datetime(zone::instant(anchor).ok_or_else(far)?);
        let first = floating(anchor).ok_or_else(far)?;
        rule.clone()
            .validate(first)
            .map_err(|err| refused(err.to_string()))?;
        Ok(Self {
            rule,
            anchor,
            until,
        })
    }

    /// The first slot after this time.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let clock = zone.to_datetime(zone::instant(after)?);
        let first = floating(self.moved_before(clock))?;
        let rule = self.rule.clone().validate(first).ok()?;
        let times = RRuleSet::new(first).rrule(rule).limit();
        times
            .into_iter()
            .map_while(|time| slot(time, zone))
            .find(|slot| *slot > after)
            .filter(|slot| self.until.is_none_or(|until| *slot <= until))
    }

    /// An anchor from which the rule says the same, not long before this time.
    fn moved_before(&self, clock: civil::DateTime) -> civil::DateTime {
        if self.rule.get_count().is_some() || clock <= self.anchor {
            return self.anchor;
        }
        let every = i64::from(self.rule.get_interval().max(1));
        // One period less, so that the whole period of the time is there, and a day for changes of
        // the clock.
        let whole = |passed: i64, period: i64| (passed / period - 2).max(0) * period;
        let passed = clock.duration_since(self.anchor).as_secs() - 86_400;
        let seconds = |period: i64| {
            let span = SignedDuration::from_secs(whole(passed, period * every));
            self.anchor.checked_add(span)
        };
        let (years, months) = (
            i64::from(clock.year()) - i64::from(self.anchor.year()),
            i64::from(clock.month()) - i64::from(self.anchor.month()),
        );
        let moved = match self.rule.get_freq() {
            Frequency::Secondly => seconds(1),
            Frequency::Minutely => seconds(60),
            Frequency::Hourly => seconds(3_600),
            Frequency::Daily => seconds(86_400),
            Frequency::Weekly => seconds(7 * 86_400),
            // A day that each month and year has.
            _ if self.anchor.day() > 28 => Ok(self.anchor),
            Frequency::Monthly => {
                let months = whole(years * 12 + months, every);
                self.anchor.checked_add(Span::new().months(months))
            }
            Frequency::Yearly => {
                let years = whole(years, every);
                self.anchor.checked_add(Span::new().years(years))
            }
        };
        moved.unwrap_or(self.anchor)
    }
}

/// A time on a clock, for a library that knows no clock without a zone.
fn floating(clock: civil::DateTime) -> Option<DateTime<Tz>> {
    let at = clock.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(DateTime::from_timestamp(at.as_second(), 0)?.with_timezone(&Tz::UTC))
}

fn slot(time: DateTime<Tz>, zone: &TimeZone) -> Option<Timestamp> {
    let at = jiff::Timestamp::from_second(time.timestamp()).ok()?;
    on_the_clock(TimeZone::UTC.to_datetime(at), zone)
}

fn on_the_clock(clock: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_timestamp(clock).ok()?;
    Some(Timestamp(at.as_microsecond()))
}

/// What an `UNTIL` says: a time, or a whole day.
fn end(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(utc) = text.strip_suffix('Z') {
        let clock = civil::DateTime::strptime("%Y%m%dT%H%M%S", utc).ok()?;
        return on_the_clock(clock, &TimeZone::UTC);
    }
    if let Ok(clock) = civil::DateTime::strptime("%Y%m%dT%H%M%S", text) {
        return on_the_clock(clock, zone);
    }
    let day = civil::Date::strptime("%Y%m%d", text).ok()?;
    on_the_clock(day.at(23, 59, 59, 0), zone)
}
