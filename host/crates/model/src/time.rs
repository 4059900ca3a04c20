//! Points in time, as the store keeps them.

use std::fmt;
use std::time::Duration;

use jiff::{Span, SpanRound, Unit};
use serde::{Deserialize, Serialize};

/// Unix time in microseconds. It is fine enough to order events of one machine, and an
/// integer, so indexes stay small.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Converts Unix time in milliseconds, as guests give it. A time that does not fit
    /// becomes the far future.
    pub fn from_millis(ms: u64) -> Self {
        Self(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// Unix time in milliseconds, as guests see it; 0 before 1970.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// The time since the Unix epoch; zero before 1970.
    pub fn since_epoch(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }

    /// The time from `earlier` to this one; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The far past where it does not fit.
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// The far future where it does not fit.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

/// A span in microseconds, as it is stored.
pub fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => f.write_str("never"),
        }
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        match jiff::Timestamp::from_microsecond(at.0) {
            Ok(at) => format!("{at:.6}"),
            Err(_) => "never".to_owned(),
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = jiff::Error;
    fn try_from(text: String) -> Result<Self, jiff::Error> {
        match text.as_str() {
            "never" => Ok(Self(i64::MAX)),
            text => Ok(Self(text.parse::<jiff::Timestamp>()?.as_microsecond())),
        }
    }
}

/// A span of time in the units in which people type it: `30d`, `1h 30m`, `500ms`. What is typed so
/// is the same span, so a day has 24 hours, and there are no months.
pub fn in_units(span: Duration) -> String {
    if span.is_zero() {
        return "0s".to_owned();
    }
    let days = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    let rounded = Span::try_from(span).and_then(|span| span.round(days));
    match rounded {
        Ok(span) => format!("{span:#}"),
        // More than jiff has: ten thousand years.
        Err(_) => humantime::format_duration(span).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_shown_as_it_is_typed() {
        #[track_caller]
        fn check(text: &str) {
            let span = humantime::parse_duration(text).unwrap();
            assert_eq!(in_units(span), text);
        }
        for text in [
            "0s",
            "1ms",
            "500ms",
            "30s",
            "1h 30m",
            "1d",
            "30d",
            "60d",
            "365d 1s",
            "2d 3h 4m 5s 6ms",
        ] {
            check(text);
        }
        let longest = in_units(Duration::from_millis(u64::MAX));
        assert!(longest.contains("years"), "{longest}");
    }

    #[test]
    fn a_timestamp_reads_as_rfc_3339() {
        let at = Timestamp(1_700_000_000_123_456);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Timestamp::try_from(String::from(at)).unwrap(), at);
    }

    #[test]
    fn arithmetic_ends_at_the_far_future() {
        assert_eq!(Timestamp(1).after(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
