//! What holds of every timeline.

use proptest::{collection::vec, prelude::*};

use super::super::*;
use super::story::story;

/// A story of a run that may go on, with tasks, children, subflows and timers at random times.
fn stories() -> impl Strategy<Value = String> {
    let call = (
        0..5_u8,
        0..900_i64,
        0..200_i64,
        0..200_i64,
        any::<bool>(),
        0..40_usize,
    );
    let run = (
        0..50_i64,
        0..50_i64,
        500..1500_i64,
        any::<bool>(),
        any::<bool>(),
    );
    (run, vec(call, 0..40)).prop_map(|(run, calls)| {
        let (queued, claimed, ended, waits, ends) = run;
        let started = queued + claimed;
        let mut text = format!("now {ended}\nrun 0 scheduled, {queued} pending, {started} running");
        if waits {
            let (from, to) = (started + 100, started + 400);
            text += &format!(", {from} waiting timer 1, {to} pending, {} running", to + 5);
        }
        if ends {
            text += &format!(", {ended} completed");
        }
        let mut subflow = None;
        for (n, (kind, at, delay, took, is_ok, need)) in calls.into_iter().enumerate() {
            let (seq, at) = (n + 1, (started + at).min(ended));
            let (from, to) = ((at + delay).min(ended), (at + delay + took).min(ended));
            let how = if is_ok { "ok" } else { "fail" };
            let scope = match subflow {
                Some(scope) if is_ok => format!(" in {scope}"),
                _ => String::new(),
            };
            text += &match kind {
                0 | 1 => {
                    let need = (need < n).then(|| format!(" <- {}", need + 1));
                    let need = need.unwrap_or_default();
                    format!("\n{seq} task load {at} {from}-{to} {how}{scope}{need}")
                }
                2 => format!("\n{seq} child etl/nightly {at} {from}-{to} {how}{scope}"),
                3 => {
                    subflow = Some(seq);
                    format!("\n{seq} subflow check {at}-{to} {how}")
                }
                _ if is_ok => format!("\n{seq} timer {at}-{to}"),
                _ => format!("\n{seq} task store {at} {from}-"),
            };
        }
        text
    })
}

fn wishes() -> impl Strategy<Value = Wish> {
    let zoom = prop::option::of((0..1600_i64, 0..1600_i64));
    let show = prop::sample::select(vec![Show::All, Show::Failed, Show::Critical]);
    (zoom, show, any::<bool>(), any::<bool>()).prop_map(|(zoom, show, fold, open)| Wish {
        from: zoom.map(|(from, _)| Timestamp(from)),
        to: zoom.map(|(_, to)| Timestamp(to)),
        show,
        fold,
        opened: if open {
            (0..41).map(|key| (key, 100)).collect()
        } else {
            Vec::new()
        },
        ..Wish::default()
    })
}

/// The segments of a row follow each other, and nothing lies outside of what is drawn.
fn check_rows(timeline: &Timeline) {
    let axis = &timeline.axis;
    let is_drawn = |at: Timestamp| axis.from <= at && at <= axis.to;
    for row in &timeline.rows {
        for pair in row.segments.windows(2) {
            assert!(pair[0].to <= pair[1].from, "{row:#?}");
        }
        for segment in &row.segments {
            assert!(segment.from <= segment.to, "{row:#?}");
            assert!(is_drawn(segment.from) && is_drawn(segment.to), "{row:#?}");
        }
        assert!(row.marks.iter().all(|mark| is_drawn(mark.at)), "{row:#?}");
        for (from, to) in &row.critical {
            assert!(is_drawn(*from) && is_drawn(*to), "{row:#?}");
        }
        assert!(timeline.from <= row.from, "{row:#?}");
        assert!(row.to.is_none_or(|to| to <= timeline.to), "{row:#?}");
    }
}

/// Each member is counted once: in the bin in which it settled, or as unsettled.
fn check_groups(timeline: &Timeline) {
    let is_whole = timeline.axis.from == timeline.from && timeline.axis.to == timeline.to;
    for group in timeline.rows.iter().filter_map(|row| row.group.as_ref()) {
        let sum = |count: fn(&Bin) -> u32| group.bins.iter().map(count).sum::<u32>() as usize;
        let settled = sum(|bin| bin.settled);
        assert!(sum(|bin| bin.failed) <= settled, "{group:#?}");
        assert!(settled + group.unsettled <= group.count, "{group:#?}");
        if is_whole {
            assert_eq!(settled + group.unsettled, group.count, "{group:#?}");
            assert_eq!(sum(|bin| bin.failed), group.failed, "{group:#?}");
        }
        let highest = group.bins.iter().map(|bin| bin.active).max().unwrap_or(0);
        assert!(highest as usize <= group.count, "{group:#?}");
    }
}

fn check_axis(axis: &Axis) {
    for pair in axis.pieces.windows(2) {
        assert_eq!(
            (pair[0].to, pair[0].end),
            (pair[1].from, pair[1].start),
            "{axis:#?}"
        );
    }
    let ends = (axis.pieces.first(), axis.pieces.last());
    if let (Some(first), Some(last)) = ends {
        assert_eq!((first.from, last.to), (axis.from, axis.to));
        assert_eq!((first.start, last.end), (0.0, axis.width));
    }
    let mut last = 0.0;
    for at in axis.from.0..=axis.to.0 {
        let place = axis.place(Timestamp(at));
        assert!(
            last <= place && place <= axis.width,
            "{at} at {place}: {axis:#?}"
        );
        last = place;
    }
}

/// It covers the attempt without a gap, and ends at its end.
fn check_critical(timeline: &Timeline) {
    let mut at = timeline.from;
    for step in &timeline.critical {
        assert_eq!(step.from, at, "{:#?}", timeline.critical);
        assert!(step.from < step.to, "{:#?}", timeline.critical);
        at = step.to;
    }
    assert_eq!(at, timeline.to, "{:#?}", timeline.critical);
    let sum: i64 = timeline.shares.iter().map(|share| share.us).sum();
    assert_eq!(sum, timeline.to.0 - timeline.from.0);
}

proptest! {
    #[test]
    fn every_timeline_keeps_its_promises(text in stories(), wish in wishes()) {
        let timeline = timeline(&story(&text), &wish);
        check_rows(&timeline);
        check_groups(&timeline);
        check_axis(&timeline.axis);
        check_critical(&timeline);
        let keys = timeline.rows.iter().filter(|row| row.group.is_none());
        let mut keys: Vec<u64> = keys
            .filter(|row| !matches!(row.kind, RowKind::More { .. }))
            .map(|row| row.key)
            .collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        prop_assert_eq!(keys.len(), all, "a row is there twice");
    }
}
