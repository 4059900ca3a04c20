//! Times as people read and type them.

use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;

use model::Timestamp;

pub use operations::text::took;
use operations::text::{point, span};
use operations::view::FlowRunView;

/// How long the attempts of a run that has ended took together: `17ms in 2 attempts`.
pub fn took_in_all(run: &FlowRunView) -> Option<String> {
    let span = took(run.took(run.ended?)?);
    Some(match run.attempt {
        0 | 1 => span,
        attempts => format!("{span} in {attempts} attempts"),
    })
}

/// A point in time in the time zone of the machine: `2026-10-01 12:00:01.123`.
pub fn local(at: Timestamp) -> String {
    in_zone(at, "%Y-%m-%d %H:%M:%S%.3f")
}

/// A point in time in a zone: `2026-10-01 12:00:00 CEST`. In UTC where there is no such zone.
pub fn in_zone_of(at: Timestamp, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(at) => at
            .to_zoned(zone)
            .strftime("%Y-%m-%d %H:%M:%S %Z")
            .to_string(),
        Err(_) => "never".to_owned(),
    }
}

/// The time by this machine, for the program's own log. What is stored has the store's time.
pub fn of_this_machine() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// The time of day: `12:00:01.123`.
pub fn clock(at: Timestamp) -> String {
    in_zone(at, "%H:%M:%S%.3f")
}

fn in_zone(at: Timestamp, format: &str) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime(format).to_string(),
        Err(_) => "never".to_owned(),
    }
}

/// A point in time as typed: RFC 3339, with a time zone (RFC 9557), or without either in the time
/// zone of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeArg(pub Timestamp);

impl FromStr for TimeArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        point(text, &TimeZone::system()).map(Self)
    }
}

/// A point in time as typed, or how long ago it was: `2026-10-01 12:00`, `24h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastArg {
    At(Timestamp),
    Ago(Duration),
}

impl PastArg {
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.before(span),
        }
    }
}

impl FromStr for PastArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.parse().map(|TimeArg(at)| Self::At(at));
        let ago = || text.parse().map(|SpanArg(span)| Self::Ago(span));
        at.or_else(|_| ago()).map_err(|_| {
            format!("`{text}` is no time such as `2026-10-01 12:00`, and no time ago such as `24h`")
        })
    }
}

/// A span of time as typed: `1s`, `500ms`, `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanArg(pub Duration);

impl FromStr for SpanArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        span(text).map(Self)
    }
}

/// A limit on time as typed. With none at all, nothing could ever be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimitArg(pub Duration);

impl FromStr for TimeLimitArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<SpanArg>()? {
            SpanArg(Duration::ZERO) => Err("it must be more than `0s`".to_owned()),
            SpanArg(span) => Ok(Self(span)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_an_offset() {
        let at = |text: &str| text.parse::<TimeArg>().map(|at| at.0.to_string());
        assert_eq!(
            at("2026-10-01T12:00:00+02:00").unwrap(),
            "2026-10-01T10:00:00.000Z"
        );
        assert!(at("2026-10-01 12:00").is_ok());
        assert_eq!(
            at("noon").unwrap_err(),
            "`noon` is no time such as `2026-10-01T12:00:00Z`, `2026-10-01 12:00` or \
             `2026-10-01T12:00[Europe/Berlin]`"
        );
        // Summer time there is two hours ahead of UTC.
        for text in [
            "2027-07-01T12:00:00[Europe/Berlin]",
            "2027-07-01T12:00:00+02:00[Europe/Berlin]",
            "2027-07-01 12:00[europe/berlin]",
        ] {
            assert_eq!(at(text).unwrap(), "2027-07-01T10:00:00.000Z", "{text}");
        }
        for wrong in [
            "2027-07-01T12:00:00[Mars/Olympus]",
            "2027-07-01T12:00:00+05:00[Europe/Berlin]",
        ] {
            let said = at(wrong).unwrap_err();
            assert!(
                said.starts_with(&format!("`{wrong}` is no time: ")),
                "{said}"
            );
        }
        assert_eq!("1h 30m".parse(), Ok(SpanArg(Duration::from_secs(5_400))));
        assert!("soon".parse::<SpanArg>().is_err());
        let no_unit = "`5` has no unit; `5s`, `5m` and `5h` have one";
        assert_eq!("5".parse::<SpanArg>().unwrap_err(), no_unit);
        let limit = |text: &str| text.parse().map(|TimeLimitArg(span)| span);
        assert_eq!(limit("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(limit("0s").unwrap_err(), "it must be more than `0s`");
    }

    #[test]
    fn the_past_is_a_time_or_a_time_ago() {
        let now = Timestamp(1_700_000_000_000_000);
        let at = |text: &str| text.parse::<PastArg>().map(|past| past.at(now).to_string());
        assert_eq!(at("1h 30m").unwrap(), "2023-11-14T20:43:20.000Z");
        assert_eq!(
            at("2026-10-01T12:00:00Z").unwrap(),
            "2026-10-01T12:00:00.000Z"
        );
        assert_eq!(
            at("yesterday").unwrap_err(),
            "`yesterday` is no time such as `2026-10-01 12:00`, and no time ago such as `24h`"
        );
    }
}
