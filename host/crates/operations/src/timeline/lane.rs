//! The segments of one row.
//!
//! ```text
//! called        started   failed      started    ended
//!   | pending     | failed  | waiting   | running  |      a task with one retry
//! ```

use model::{StateType, Timestamp, Waits};

/// What a row did for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub kind: SegmentKind,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Whether it goes on.
    pub open: bool,
    pub why: Option<Why>,
}

/// Its order is what matters most: where there is room for one only, it is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    Scheduled,
    Pending,
    Waiting,
    Paused,
    Running,
    Cancelled,
    Crashed,
    /// An attempt that failed.
    Failed,
}

impl SegmentKind {
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Pending,
        Self::Waiting,
        Self::Paused,
        Self::Running,
        Self::Cancelled,
        Self::Crashed,
        Self::Failed,
    ];

    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Running => "running",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
        }
    }

    /// Whether something was executed.
    pub fn is_executing(self) -> bool {
        match self {
            Self::Running | Self::Cancelled | Self::Crashed | Self::Failed => true,
            Self::Scheduled | Self::Pending | Self::Waiting | Self::Paused => false,
        }
    }

    /// How an execution is drawn that ended in this state.
    pub fn ended(state: StateType) -> Self {
        match state {
            StateType::Failed => Self::Failed,
            StateType::Crashed => Self::Crashed,
            StateType::Cancelled | StateType::Cancelling => Self::Cancelled,
            _ => Self::Running,
        }
    }
}

/// Why a row did nothing, or did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    Waits(Waits),
    /// Until the next attempt, of this number.
    Retry {
        number: u32,
        at: Timestamp,
    },
    Message(String),
}

/// Something that happened at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub at: Timestamp,
    pub kind: MarkKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MarkKind {
    /// A worker was lost, or gave the run back.
    Lost { message: String },
    /// The call was answered by what an earlier attempt had done.
    Kept,
}

/// The segments of a row, and what happened between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub segments: Vec<Segment>,
    pub marks: Vec<Mark>,
}

impl Lane {
    /// Adds a segment after the others. One that takes no time is left out, unless it says how
    /// something ended.
    pub fn add(&mut self, kind: SegmentKind, from: Timestamp, to: Timestamp, why: Option<Why>) {
        let from = self.segments.last().map_or(from, |last| from.max(last.to));
        let to = to.max(from);
        if to > from || kind > SegmentKind::Running {
            self.segments.push(Segment {
                kind,
                from,
                to,
                open: false,
                why,
            });
        }
    }

    /// What was executed last has ended so.
    pub fn end(&mut self, kind: SegmentKind, at: Timestamp, why: Option<Why>) {
        if kind == SegmentKind::Running {
            return;
        }
        match self.segments.last_mut() {
            Some(last) if last.kind.is_executing() => (last.kind, last.why) = (kind, why),
            _ => self.add(kind, at, at, why),
        }
    }

    /// Leaves out what lies outside.
    pub fn clip(&mut self, from: Timestamp, to: Timestamp) {
        self.segments.retain(|it| {
            if it.from == it.to {
                (from..=to).contains(&it.from)
            } else {
                it.from < to && from < it.to
            }
        });
        for segment in &mut self.segments {
            segment.from = segment.from.max(from);
            segment.to = segment.to.min(to);
        }
        self.marks.retain(|mark| (from..=to).contains(&mark.at));
    }
}
