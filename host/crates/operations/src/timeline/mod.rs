//! What a flow run did, as rows of segments on an axis of time.
//!
//! ```text
//! run, history, calls, tasks, children --> items  a row each, with its segments (lanes)
//!                                            |--> axis      where time lies; idle gaps fold
//!                                            |--> critical  what the time went to
//!                                            `--> rows      by scope; many calls of one task
//!                                                           are one row, until it is opened
//! ```
//!
//! Everything is drawn from what is stored, so a run of last year looks as it did. All of this
//! is pure: reading is done by [`read`](read()); users
//! get a [`TimelineView`](crate::view::TimelineView).
//!
//! The journal of an attempt is gone once the next one has begun. Of an earlier attempt the
//! task runs, subflows and children are those that came into being while it lasted; its timers
//! and inputs were kept; which call needed which is not known.
//!
//! Invariants, each with a property test: the segments of a row do not overlap; everything
//! lies within the span; the axis is monotonic; the critical path has no gaps and ends at the
//! end; the bins of a group sum to its members.

mod axis;
mod critical;
mod group;
mod items;
mod lane;
mod lines;
mod read;
mod rows;
mod shape;
#[cfg(test)]
mod tests;

use model::{RunId, Timestamp};

pub use axis::{Axis, Piece};
pub use critical::{Share, Step};
pub use group::{BINS, Bin, Group};
pub use lane::{Mark, MarkKind, Segment, SegmentKind, Why};
pub use read::read;
pub use rows::Row;
pub use shape::{GROUP_MIN, GROUP_PAGE, Link, ROWS_MAX, RowKind, SEGMENTS_MAX, Show, Story, Wish};

/// A timeline.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub run: RunId,
    pub attempt: u32,
    /// How many attempts the run has had.
    pub attempts: u32,
    /// The attempt as a whole.
    pub from: Timestamp,
    pub to: Timestamp,
    /// Whether it goes on.
    pub open: bool,
    /// The part of it that is drawn.
    pub axis: Axis,
    pub rows: Vec<Row>,
    /// Rows before and after those.
    pub rows_before: usize,
    pub rows_after: usize,
    /// What the time of the whole attempt went to, from its beginning to its end.
    pub critical: Vec<Step>,
    /// The same by row, the largest first.
    pub shares: Vec<Share>,
}

/// Draws a run.
pub fn timeline(story: &Story, wish: &Wish) -> Timeline {
    let items = items::items(story, wish.attempt);
    let (from, to) = (items.from, items.to);
    let axis = axis::axis(&items, wish);
    let critical = critical::path(&items);
    let shares = critical::shares(&items, &critical);
    let page = rows::rows(&items, &axis, &critical, wish);
    Timeline {
        run: story.run.id,
        attempt: items.attempt,
        attempts: items.attempts,
        from,
        to,
        open: items.open,
        axis,
        rows: page.rows,
        rows_before: page.before,
        rows_after: page.after,
        critical,
        shares,
    }
}
