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
#[cfg(test)]
mod tests;

use model::{
    CallMade, FlowRun, HistoryLine, Relative, RunId, StateType, TaskRun, TaskRunId, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use axis::{Axis, Piece};
pub use critical::{Share, Step};
pub use group::{BINS, Bin, Group};
pub use lane::{Mark, MarkKind, Segment, SegmentKind, Why};
pub use read::read;

/// Calls of one name in one scope form a group from this many on.
pub const GROUP_MIN: usize = 8;
/// So many members of a group are shown at a time.
pub const GROUP_PAGE: usize = 100;
/// So many rows are drawn at a time.
pub const ROWS_MAX: usize = 200;
/// So many segments are drawn at a time, which keeps a page under 3,000 nodes.
pub const SEGMENTS_MAX: usize = 900;

/// What is known of a flow run.
#[derive(Clone, Debug)]
pub struct Story {
    pub run: FlowRun,
    /// All of it, oldest first.
    pub history: Vec<HistoryLine>,
    /// The calls of the attempt that is to be drawn, and whether these are all.
    pub calls: Vec<CallMade>,
    pub has_journal: bool,
    /// The task runs of all attempts.
    pub task_runs: Vec<TaskRun>,
    /// Subflows and child runs, of all attempts, oldest first.
    pub relatives: Vec<Relative>,
    /// The histories of some of the child runs.
    pub histories: Vec<(RunId, Vec<HistoryLine>)>,
    pub now: Timestamp,
}

/// How a timeline is to be drawn.
#[derive(Clone, Debug)]
pub struct Wish {
    /// None: the last one.
    pub attempt: Option<u32>,
    /// The part of the span to zoom to.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub show: Show,
    /// Whether gaps in which nothing is executed are folded.
    pub fold: bool,
    /// The groups that are open, by their keys, and how many members of each are shown.
    pub opened: Vec<(u64, usize)>,
    /// Leave so many rows out.
    pub skip: usize,
    /// In pixels, or whatever the places are to be in.
    pub width: f64,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            attempt: None,
            from: None,
            to: None,
            show: Show::All,
            fold: true,
            opened: Vec::new(),
            skip: 0,
            width: 1000.0,
        }
    }
}

/// Which rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Show {
    #[default]
    All,
    /// What failed, and the scopes that it failed in.
    Failed,
    /// What the run's time went to.
    Critical,
}

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

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Names the row within its attempt: the position of its call, 0 for the run.
    pub key: u64,
    /// How many scopes it lies in.
    pub depth: usize,
    pub kind: RowKind,
    pub name: String,
    pub link: Option<Link>,
    pub state: StateType,
    /// When it was called, and when it settled.
    pub from: Timestamp,
    pub to: Option<Timestamp>,
    /// In order; they do not overlap.
    pub segments: Vec<Segment>,
    pub marks: Vec<Mark>,
    /// Where it lies on the critical path.
    pub critical: Vec<(Timestamp, Timestamp)>,
    /// Set if the row stands for several calls.
    pub group: Option<Group>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    Run,
    Subflow,
    Task,
    Child,
    Timer,
    Input,
    /// So many members of a group are left out here.
    More {
        left: usize,
    },
}

impl RowKind {
    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "flow run",
            Self::Subflow => "subflow",
            Self::Task => "task run",
            Self::Child => "child run",
            Self::Timer => "timer",
            Self::Input => "input",
            Self::More { .. } => "more",
        }
    }
}

/// What a row leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    FlowRun(RunId),
    TaskRun(TaskRunId),
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
