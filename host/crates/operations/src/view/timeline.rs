//! A timeline: what a flow run did, as rows of segments with their places.
//!
//! Places are parts of the width, from 0 to 1, so that whoever draws it needs no arithmetic.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use crate::timeline::{
    Axis, Group, Link, Mark, MarkKind, Row, RowKind, Segment, Share, Timeline, Why,
};
use model::{RunId, TaskRunId, Timestamp};

/// What a flow run did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
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
    pub axis: AxisView,
    pub rows: Vec<RowView>,
    /// Rows before and after those.
    pub rows_before: usize,
    pub rows_after: usize,
    /// What the time of the attempt went to, the largest part first.
    pub critical: Vec<ShareView>,
}

impl View for TimelineView {}

/// The part of the time that is drawn. Places are parts of the width, from 0 to 1.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AxisView {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Gaps in which nothing happens, drawn narrow.
    pub folds: Vec<FoldView>,
    pub ticks: Vec<TickView>,
    /// The time between two ticks.
    pub step_ms: f64,
}

/// A gap in which nothing happens.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FoldView {
    pub from: Timestamp,
    pub to: Timestamp,
    pub start: f64,
    pub end: f64,
    pub duration_ms: f64,
}

/// A time with a label.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TickView {
    pub at: Timestamp,
    pub place: f64,
}

/// A row of a timeline.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// Names the row within its attempt: the position of its call, 0 for the run itself.
    pub key: u64,
    /// How many scopes it lies in.
    pub depth: usize,
    /// `flow run`, `subflow`, `task run`, `child run`, `timer`, `input`; `more` where members of
    /// a group are left out.
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    pub name: String,
    pub flow_run: Option<RunId>,
    pub task_run: Option<TaskRunId>,
    #[schema(value_type = model::StateType)]
    pub state: Cow<'static, str>,
    pub from: Timestamp,
    /// When it settled.
    pub to: Option<Timestamp>,
    pub duration_ms: Option<f64>,
    /// In order; they do not overlap.
    pub segments: Vec<SegmentView>,
    pub marks: Vec<MarkView>,
    /// Where it lies on the critical path.
    pub critical: Vec<SpanView>,
    /// Set if the row stands for several calls.
    pub group: Option<GroupView>,
    /// Members of the group that are left out here.
    pub left: Option<usize>,
}

/// What a row did for a while.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SegmentView {
    /// `scheduled`, `pending`, `waiting`, `paused`, `running`, `cancelled`, `crashed`, `failed`.
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub start: f64,
    pub end: f64,
    /// Whether it goes on.
    pub open: bool,
    /// What it waits for, or why it failed.
    pub why: Option<String>,
    /// It waits for its next attempt.
    pub retry: Option<RetryAtView>,
}

/// The next attempt of a task or a run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RetryAtView {
    pub number: u32,
    pub at: Timestamp,
}

/// Something that happened at one time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MarkView {
    /// `lost`: a worker was lost. `kept`: the call was answered by an earlier attempt.
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    pub at: Timestamp,
    pub place: f64,
    pub message: Option<String>,
}

/// A part of the width.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SpanView {
    pub start: f64,
    pub end: f64,
}

/// Calls of one name in one scope.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupView {
    pub count: usize,
    pub failed: usize,
    pub unsettled: usize,
    /// How many members are shown below. None: it is not open.
    pub shown: Option<usize>,
    /// Each a hundredth of the width: members that were executed, settled, failed.
    pub bins: Vec<(u32, u32, u32)>,
}

/// What one row has of the critical path.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShareView {
    pub key: u64,
    /// The row's name; `flow` for the flow itself, `queue` for the time before it began.
    pub name: String,
    pub duration_ms: f64,
    /// Of the whole, from 0 to 1.
    pub part: f64,
}

/// A part, in as many digits as a screen has places.
fn rounded(part: f64) -> f64 {
    (part * 1e5).round() / 1e5
}

fn ms(us: i64) -> f64 {
    us as f64 / 1000.0
}

impl From<Timeline> for TimelineView {
    fn from(timeline: Timeline) -> Self {
        let axis = &timeline.axis;
        let span = (timeline.to.0 - timeline.from.0).max(1) as f64;
        let share = |share: Share| ShareView {
            key: share.key,
            name: share.name,
            duration_ms: ms(share.us),
            part: rounded(share.us as f64 / span),
        };
        Self {
            run: timeline.run,
            attempt: timeline.attempt,
            attempts: timeline.attempts,
            from: timeline.from,
            to: timeline.to,
            open: timeline.open,
            rows: timeline
                .rows
                .into_iter()
                .map(|row| row_view(row, axis))
                .collect(),
            axis: AxisView::from(axis),
            rows_before: timeline.rows_before,
            rows_after: timeline.rows_after,
            critical: timeline.shares.into_iter().map(share).collect(),
        }
    }
}

impl From<&Axis> for AxisView {
    fn from(axis: &Axis) -> Self {
        let folds = axis.folds().map(|fold| FoldView {
            from: fold.from,
            to: fold.to,
            start: rounded(fold.start / axis.width),
            end: rounded(fold.end / axis.width),
            duration_ms: ms(fold.to.0 - fold.from.0),
        });
        let ticks = axis.ticks.iter().map(|at| TickView {
            at: *at,
            place: place(axis, *at),
        });
        Self {
            from: axis.from,
            to: axis.to,
            folds: folds.collect(),
            ticks: ticks.collect(),
            step_ms: ms(axis.step_us),
        }
    }
}

fn place(axis: &Axis, at: Timestamp) -> f64 {
    rounded(axis.place(at) / axis.width)
}

fn row_view(row: Row, axis: &Axis) -> RowView {
    let (flow_run, task_run) = match row.link {
        Some(Link::FlowRun(id)) => (Some(id), None),
        Some(Link::TaskRun(id)) => (None, Some(id)),
        None => (None, None),
    };
    let segments = row.segments.into_iter();
    let marks = row.marks.into_iter();
    let critical = row.critical.iter().map(|(from, to)| SpanView {
        start: place(axis, *from),
        end: place(axis, *to),
    });
    RowView {
        key: row.key,
        depth: row.depth,
        kind: row.kind.as_str().into(),
        name: row.name,
        flow_run,
        task_run,
        state: row.state.as_str().into(),
        from: row.from,
        to: row.to,
        duration_ms: row.to.map(|to| ms(to.0 - row.from.0)),
        segments: segments.map(|it| segment_view(it, axis)).collect(),
        marks: marks.map(|it| mark_view(it, axis)).collect(),
        critical: critical.collect(),
        group: row.group.map(group_view),
        left: match row.kind {
            RowKind::More { left } => Some(left),
            _ => None,
        },
    }
}

fn segment_view(segment: Segment, axis: &Axis) -> SegmentView {
    let (why, retry) = match segment.why {
        Some(Why::Waits(waits)) => (Some(format!("waits for {waits}")), None),
        Some(Why::Message(message)) => (Some(message), None),
        Some(Why::Retry { number, at }) => (None, Some(RetryAtView { number, at })),
        None => (None, None),
    };
    SegmentView {
        kind: segment.kind.as_str().into(),
        start: place(axis, segment.from),
        end: place(axis, segment.to),
        from: segment.from,
        to: segment.to,
        open: segment.open,
        why,
        retry,
    }
}

fn mark_view(mark: Mark, axis: &Axis) -> MarkView {
    let (kind, message) = match mark.kind {
        MarkKind::Lost { message } => ("lost", Some(message)),
        MarkKind::Kept => ("kept", None),
    };
    MarkView {
        kind: kind.into(),
        at: mark.at,
        place: place(axis, mark.at),
        message,
    }
}

fn group_view(group: Group) -> GroupView {
    let bins = group.bins.iter();
    GroupView {
        count: group.count,
        failed: group.failed,
        unsettled: group.unsettled,
        shown: group.shown,
        bins: bins
            .map(|bin| (bin.active, bin.settled, bin.failed))
            .collect(),
    }
}
