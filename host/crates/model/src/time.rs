//! Points in time, as the store keeps them.

use std::fmt;
use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

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
