//! Which part of the time is drawn, and the links that draw another.

use model::Timestamp;
use operations::view::{AxisView, TimelineView};

use crate::pages::query::Query;

/// The shortest time that can be drawn, in microseconds.
const LEAST_US: i64 = 20;

/// Links to another part of the time. None: there is none.
pub struct Zoom {
    pub closer: Option<Query>,
    pub wider: Option<Query>,
    pub all: Option<Query>,
}

impl Zoom {
    pub fn new(query: &Query, view: &TimelineView) -> Self {
        let axis = &view.axis;
        let is_zoomed = query.get("from").is_some() || query.get("to").is_some();
        let is_long = axis.to.0 - axis.from.0 > LEAST_US;
        let closer = is_long.then(|| (at(axis, 0.25), at(axis, 0.75)));
        let all = query.without("from").without("to");
        Self {
            closer: closer.map(|(from, to)| query.with("from", from).with("to", to)),
            wider: is_zoomed.then(|| match wider(view) {
                Some((from, to)) => query.with("from", from).with("to", to),
                None => all.clone(),
            }),
            all: is_zoomed.then_some(all),
        }
    }
}

/// Twice as much, as far as there is something. None: everything.
fn wider(view: &TimelineView) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = (view.axis.from.0, view.axis.to.0);
    let more = ((to - from) / 2).max(1);
    let from = from.saturating_sub(more).max(view.from.0);
    let to = to.saturating_add(more).min(view.to.0);
    (from > view.from.0 || to < view.to.0).then_some((Timestamp(from), Timestamp(to)))
}

/// Times and their places, in order; between two of them it is a straight line.
pub fn points(axis: &AxisView) -> Vec<(Timestamp, f64)> {
    let mut points = vec![(axis.from, 0.0)];
    for fold in &axis.folds {
        points.push((fold.from, fold.start));
        points.push((fold.to, fold.end));
    }
    points.push((axis.to, 1.0));
    points
}

/// The time at a place.
fn at(axis: &AxisView, place: f64) -> Timestamp {
    let points = points(axis);
    let found = points.windows(2).find(|pair| place <= pair[1].1);
    let Some(&[(from, start), (to, end)]) = found else {
        return axis.to;
    };
    if end <= start {
        return from;
    }
    let part = (place - start) / (end - start);
    Timestamp(from.0 + ((to.0 - from.0) as f64 * part) as i64)
}
