//! Times and spans as people read them, on the command line and on pages.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::Timestamp;

/// A point in time as typed: RFC 3339, with a time zone (RFC 9557), or without either in `zone`.
///
/// # Errors
///
/// Why it is none, for whoever typed it.
pub fn point(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let read = || -> Result<jiff::Timestamp, jiff::Error> {
        if text.contains('[') {
            return Ok(text.parse::<Zoned>()?.timestamp());
        }
        text.parse().or_else(|_| {
            let civil = text.parse::<DateTime>()?;
            Ok(civil.to_zoned(zone.clone())?.timestamp())
        })
    };
    match read() {
        Ok(at) => Ok(Timestamp(at.as_microsecond())),
        // It may be a zone that is unknown, or one whose offset is another.
        Err(err) if text.contains('[') => Err(format!("`{text}` is no time: {err}")),
        Err(_) => Err(format!(
            "`{text}` is no time such as `2026-10-01T12:00:00Z`, `2026-10-01 12:00` or \
             `2026-10-01T12:00[Europe/Berlin]`"
        )),
    }
}

/// A span of time as typed: `1s`, `500ms`, `1h 30m`.
///
/// # Errors
///
/// Why it is none, for whoever typed it.
pub fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| {
        let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if is_number {
            format!("`{text}` has no unit; `{text}s`, `{text}m` and `{text}h` have one")
        } else {
            format!("`{text}` is no duration such as `500ms`, `30s` or `1h 30m`")
        }
    })
}

/// How far away a time is, in its largest unit: `3s ago`, `in 2h`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        // Upwards, so that `in 1h` is not shown as 59 minutes a moment later.
        format!("in {}", rough(at.since(now) + Duration::from_millis(999)))
    } else {
        format!("{} ago", rough(now.since(at)))
    }
}

/// A span in its largest unit.
pub fn rough(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// How long something took, with no more digits than matter.
pub fn took(span: Duration) -> String {
    let ms = span.as_secs_f64() * 1000.0;
    match span.as_secs() {
        0 if ms < 10.0 => format!("{ms:.1}ms"),
        0 => format!("{ms:.0}ms"),
        1..10 => format!("{:.1}s", span.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_rough() {
        #[track_caller]
        fn check(seconds: i64, expect: &str) {
            let now = Timestamp(1_700_000_000_000_000);
            assert_eq!(ago(Timestamp(now.0 + seconds * 1_000_000), now), expect);
        }
        check(0, "0s ago");
        check(-59, "59s ago");
        check(-60, "1m ago");
        check(-7_199, "1h ago");
        check(-47 * 3_600, "47h ago");
        check(-86_400 * 3, "3d ago");
        check(90, "in 1m");
    }

    #[test]
    fn durations_show_what_matters() {
        #[track_caller]
        fn check(us: u64, expect: &str) {
            assert_eq!(took(Duration::from_micros(us)), expect);
        }
        check(1_234, "1.2ms");
        check(45_678, "46ms");
        check(1_500_000, "1.5s");
        check(12_900_000, "12s");
        check(125_000_000, "2m 05s");
        check(3_725_000_000, "1h 02m");
    }
}
