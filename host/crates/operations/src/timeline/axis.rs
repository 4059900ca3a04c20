//! Where a time lies.
//!
//! ```text
//! time   |--busy--|------------ idle ------------|--busy--|
//! place  |-------------busy-------|//|--------busy--------|
//! ```
//!
//! A gap is idle while nothing changes and nothing is executed. What takes long because it is
//! executed stays as long as it is: that is what people look for.

use model::Timestamp;

use super::items::Items;
use super::shape::{RowKind, Wish};

/// Gaps longer than this part of what is drawn are folded.
const FOLD_PART: i64 = 10;
/// The width of a folded gap.
pub const FOLD_WIDTH: f64 = 24.0;
/// About the distance of two ticks.
const TICK_DISTANCE: f64 = 90.0;

/// The part of the span that is drawn, and where its times lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub from: Timestamp,
    pub to: Timestamp,
    pub width: f64,
    /// From the beginning to the end, without gaps.
    pub pieces: Vec<Piece>,
    /// Times with a label, in order. They lie in what is not folded.
    pub ticks: Vec<Timestamp>,
    /// The time between two ticks, in microseconds.
    pub step_us: i64,
}

/// A part of the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    pub from: Timestamp,
    pub to: Timestamp,
    /// The places of both.
    pub start: f64,
    pub end: f64,
    pub folded: bool,
}

impl Axis {
    /// The place of a time, from 0 to the width. What lies outside is at an end.
    pub fn place(&self, at: Timestamp) -> f64 {
        let n = self.pieces.partition_point(|piece| piece.to < at);
        let Some(piece) = self.pieces.get(n) else {
            return self.width;
        };
        let span = piece.to.0 - piece.from.0;
        if at <= piece.from || span == 0 {
            return piece.start;
        }
        let part = (at.0 - piece.from.0) as f64 / span as f64;
        piece.start + part * (piece.end - piece.start)
    }

    /// The gaps that are folded.
    pub fn folds(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| piece.folded)
    }
}

pub(super) fn axis(items: &Items, wish: &Wish) -> Axis {
    let (from, to) = window(items, wish);
    let gaps = if wish.fold {
        idle_gaps(items, from, to)
    } else {
        Vec::new()
    };
    lay_out(from, to, &gaps, wish.width)
}

/// The part of the span that is asked for, of at least one microsecond.
fn window(items: &Items, wish: &Wish) -> (Timestamp, Timestamp) {
    let (first, last) = (items.from, items.to);
    let from = wish.from.unwrap_or(first).clamp(first, last);
    let to = wish.to.unwrap_or(last).clamp(first, last);
    if from < to { (from, to) } else { (first, last) }
}

/// Gaps in which nothing changes and nothing is executed, in order.
fn idle_gaps(items: &Items, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    // Each change, and by how much more is executed after it.
    let mut changes = vec![(from, 0), (to, 0)];
    let mut executing = 0;
    // What a subflow does is done by its calls.
    for item in items.all.iter().filter(|it| it.kind != RowKind::Subflow) {
        for segment in &item.lane.segments {
            let begins = i32::from(segment.kind.is_executing());
            if segment.to <= from || segment.from >= to {
                continue;
            }
            if segment.from <= from {
                executing += begins;
            } else {
                changes.push((segment.from, begins));
            }
            if segment.to < to {
                changes.push((segment.to, -begins));
            }
        }
    }
    changes.sort_unstable();
    let least = (to.0 - from.0) / FOLD_PART;
    let mut gaps = Vec::new();
    let mut last = from;
    for (at, more) in changes {
        if at.0 - last.0 > least && executing == 0 {
            gaps.push((last, at));
        }
        last = at;
        executing += more;
    }
    gaps
}

fn lay_out(from: Timestamp, to: Timestamp, gaps: &[(Timestamp, Timestamp)], width: f64) -> Axis {
    let folded: i64 = gaps.iter().map(|(from, to)| to.0 - from.0).sum();
    let shown = (to.0 - from.0 - folded).max(0);
    let left = width - FOLD_WIDTH * gaps.len() as f64;
    // Without anything else there is nothing to make room for.
    let gaps = if shown > 0 && left > FOLD_WIDTH {
        gaps
    } else {
        &[]
    };
    let (shown, left) = if gaps.is_empty() {
        (to.0 - from.0, width)
    } else {
        (shown, left)
    };
    let scale = left / shown.max(1) as f64;
    let mut pieces = Vec::with_capacity(2 * gaps.len() + 1);
    let (mut at, mut place) = (from, 0.0);
    let mut add = |until: Timestamp, folded: bool| {
        if until <= at {
            return;
        }
        let wide = if folded {
            FOLD_WIDTH
        } else {
            (until.0 - at.0) as f64 * scale
        };
        pieces.push(Piece {
            from: at,
            to: until,
            start: place,
            end: place + wide,
            folded,
        });
        (at, place) = (until, place + wide);
    };
    for (begin, end) in gaps {
        add(*begin, false);
        add(*end, true);
    }
    add(to, false);
    if let Some(last) = pieces.last_mut() {
        // Whatever rounding has left.
        last.end = width;
    }
    let step_us = step(TICK_DISTANCE / scale);
    let mut axis = Axis {
        from,
        to,
        width,
        pieces,
        ticks: Vec::new(),
        step_us,
    };
    axis.ticks = ticks(&axis);
    axis
}

/// The first round time that is at least so long, in microseconds.
fn step(least: f64) -> i64 {
    const ROUND: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
    let fractions = (0..6).flat_map(|power| [1, 2, 5].map(|n| n * 10_i64.pow(power)));
    let seconds = ROUND.into_iter().map(|seconds| seconds * 1_000_000);
    let hours = [1, 2, 3, 6, 12, 24].map(|hours: i64| hours * 3_600_000_000);
    let mut round = fractions.chain(seconds).chain(hours);
    round.find(|step| *step as f64 >= least).unwrap_or_else(|| {
        let day = 86_400_000_000_f64;
        ((least / day).ceil() * day) as i64
    })
}

fn ticks(axis: &Axis) -> Vec<Timestamp> {
    let mut ticks = Vec::new();
    let step = axis.step_us;
    for piece in axis.pieces.iter().filter(|piece| !piece.folded) {
        let mut at = piece.from.0.div_euclid(step) * step;
        while at <= piece.to.0 {
            if at >= piece.from.0 {
                ticks.push(Timestamp(at));
            }
            at += step;
        }
    }
    // Where a piece ends at a tick, the next may begin with it.
    ticks.dedup();
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gaps: &[(i64, i64)], expect: &[(i64, f64)]) {
        let gaps: Vec<_> = gaps
            .iter()
            .map(|(from, to)| (Timestamp(*from), Timestamp(*to)))
            .collect();
        let axis = lay_out(Timestamp(0), Timestamp(1000), &gaps, 124.0);
        for (at, place) in expect {
            let found = axis.place(Timestamp(*at));
            assert!((found - place).abs() < 1e-9, "{at}: {found}, not {place}");
        }
    }

    #[test]
    fn a_folded_gap_makes_room_for_the_rest() {
        check(
            &[],
            &[
                (0, 0.0),
                (250, 31.0),
                (1000, 124.0),
                (2000, 124.0),
                (-5, 0.0),
            ],
        );
        check(
            &[(100, 900)],
            &[
                (0, 0.0),
                (100, 50.0),
                (500, 62.0),
                (900, 74.0),
                (1000, 124.0),
            ],
        );
        check(
            &[(0, 800)],
            &[(0, 0.0), (800, 24.0), (900, 74.0), (1000, 124.0)],
        );
        // Nothing else is there.
        check(&[(0, 1000)], &[(500, 62.0), (1000, 124.0)]);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(step(1.0), 1);
        assert_eq!(step(3.0), 5);
        assert_eq!(step(200_001.0), 500_000);
        assert_eq!(step(700_000.0), 1_000_000);
        assert_eq!(step(11e6), 15_000_000);
        assert_eq!(step(2e9), 3_600_000_000);
        assert_eq!(step(2.5 * 86_400e6), 3 * 86_400_000_000);
        let axis = lay_out(Timestamp(1_950_000), Timestamp(4_000_000), &[], 200.0);
        let ticks: Vec<i64> = axis.ticks.iter().map(|at| at.0).collect();
        assert_eq!(ticks, [2_000_000, 3_000_000, 4_000_000]);
    }
}
