//! Times as people read them.

use std::time::Duration;

use model::Timestamp;

/// How far away a time is, in its largest unit: `3s ago`, `in 2h`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        // Upwards, so that `in 1h` is not shown as 59 minutes a moment later.
        format!("in {}", rough(at.since(now) + Duration::from_millis(999)))
    } else {
        format!("{} ago", rough(now.since(at)))
    }
}

fn rough(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
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
}
