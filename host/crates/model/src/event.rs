//! Events: what has changed, for those who follow it.
//!
//! ```text
//! one commit:  [event 1][event 2] ... [event n]      a row of the stream
//!                       ^
//!                       cursor: row, tag of its writer, events of the row that were seen
//! ```
//!
//! All changes of the system stand in one stream, in the order of their commits. An event
//! says what is so now, not what to do: who reads it twice, or knows it already from
//! elsewhere, is not misled. Big values (parameters, results, log lines) are read from the
//! store by those who want them.
//!
//! A settlement of a call has no event of its own, because its cause has one: the end of the
//! child, the state of the task run, the input that was given. A timer shows as the next state
//! of the run that waited for it. What a run still asks people for ends with the run.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{
    ArtifactId, ArtifactKey, ArtifactKind, DeploymentName, FlowName, InputId, LogLevel, PoolName,
    RunId, RunName, Seq, State, TaskName, TaskRunId, Timestamp, WorkerId,
};

/// The longest message of a state in an event, in bytes. It is enough to show why something
/// failed; the whole message stands in the history of the run.
pub const MESSAGE_MAX: usize = 1 << 10;

/// An event, when it was written, and where to go on after it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedEvent {
    pub cursor: EventCursor,
    pub at: Timestamp,
    pub event: Event,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    FlowRun(FlowRunEvent),
    TaskRun(TaskRunEvent),
    Log(LogEvent),
    Input(InputEvent),
    Artifact(ArtifactEvent),
    Deployment {
        name: DeploymentName,
        what: Edited,
    },
    Pool {
        name: PoolName,
        what: Edited,
    },
    Worker {
        id: WorkerId,
        name: String,
        pool: Option<PoolName>,
        what: WorkerChange,
    },
    /// A run is gone, with all that belonged to it.
    RunDeleted {
        run: RunId,
        parent: Option<RunId>,
        within: Option<RunId>,
    },
}

/// A flow run entered a state.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRunEvent {
    pub run: RunId,
    /// For a subflow: the run that it is part of.
    pub within: Option<RunId>,
    pub attempt: u32,
    /// Which line of its history this is, from 1. So what was read as history is known again.
    pub line: u64,
    /// Its message is cut to [`MESSAGE_MAX`].
    pub state: State,
    pub is_cut: bool,
    /// Of a new run.
    pub created: Option<Arc<RunFacts>>,
}

/// What never changes about a run, and tells people which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    pub pool: Option<PoolName>,
    pub parent: Option<RunId>,
    pub within: Option<RunId>,
}

/// A task run is new, or is in another state.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRunEvent {
    pub task_run: TaskRunId,
    /// The flow run or subflow that called it.
    pub flow_run: RunId,
    /// The run whose journal holds the call, at `seq`.
    pub journal: RunId,
    pub seq: Seq,
    pub task: TaskName,
    pub name: String,
    pub attempt: u32,
    /// The latest; it may have been in others since the event before. Its message is cut to
    /// [`MESSAGE_MAX`].
    pub state: State,
    pub is_cut: bool,
    /// When it started for the first time.
    pub started: Option<Timestamp>,
    /// When its next attempt begins.
    pub retry_at: Option<Timestamp>,
}

/// Lines were added to the log of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// The run whose record they came with.
    pub run: RunId,
    /// The subflows within it that wrote some of them.
    pub subflows: Vec<RunId>,
    /// Their places in the log, from the first to the last.
    pub first: i64,
    pub last: i64,
    pub count: u32,
    /// The highest among them.
    pub level: LogLevel,
}

/// Something changed about an input that a run asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct InputEvent {
    /// The run, or the subflow, that asks.
    pub run: RunId,
    /// The run whose journal has the call.
    pub journal: RunId,
    pub input: InputId,
    pub key: String,
    pub what: InputChange,
}

/// A run has made an artifact, or shows another progress.
#[derive(Clone, Debug, PartialEq)]
pub struct ArtifactEvent {
    pub artifact: ArtifactId,
    /// The run, or the subflow, that it belongs to.
    pub run: RunId,
    /// The run whose record it came with.
    pub journal: RunId,
    pub key: ArtifactKey,
    pub kind: ArtifactKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputChange {
    Asked,
    Given,
    /// Nobody gave it in time.
    Expired,
    /// The flow does not wait for it any more.
    Withdrawn,
}

/// What happened to something that people set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edited {
    Created,
    Changed,
    Deleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkerChange {
    Registered,
    SignedOff,
    Lost,
}

/// As much of a message as an event holds, and whether something is missing.
pub fn cut_message(message: &str) -> (&str, bool) {
    let end = message.floor_char_boundary(MESSAGE_MAX);
    (&message[..end], end < message.len())
}

/// A place in the stream: between an event and the next. To users it is an opaque text.
///
/// Rows are numbered. A row that a power failure took may be followed by another of the same
/// number, so a cursor also has the tag of the process that wrote its row. A cursor whose row
/// has another tag by now, or is gone, is too old. So no cursor ever skips an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventCursor {
    /// The row that was read last.
    pub row: i64,
    pub tag: u64,
    /// How many events of that row were seen; [`ALL`](Self::ALL): every one.
    pub seen: u32,
}

impl EventCursor {
    /// All events of a row.
    pub const ALL: u32 = u32::MAX;

    /// Before the oldest event that is kept. Never too old. Its text is `0-0`.
    pub const OLDEST: Self = Self {
        row: i64::MIN,
        tag: 0,
        seen: Self::ALL,
    };

    /// Where it is in the order of the stream. Of two cursors, that with the greater place is
    /// later.
    pub fn place(self) -> (i64, u32) {
        (self.row, self.seen)
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::OLDEST {
            return f.write_str("0-0");
        }
        // The sign is a letter: the parts are told apart by hyphens.
        let sign = if self.row < 0 { "n" } else { "" };
        write!(f, "{sign}{}-{:x}", self.row.unsigned_abs(), self.tag)?;
        if self.seen == Self::ALL {
            Ok(())
        } else {
            write!(f, "-{}", self.seen)
        }
    }
}

/// Why a text is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in the stream of events")]
pub struct CursorError(pub String);

impl FromStr for EventCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let row = |text: &str| match text.strip_prefix('n') {
            Some(below) => 0_i64.checked_sub_unsigned(below.parse().ok()?),
            None => text.parse().ok(),
        };
        let read = || {
            if text == "0-0" {
                return Some(Self::OLDEST);
            }
            let mut parts = text.split('-');
            let cursor = Self {
                row: row(parts.next()?)?,
                tag: u64::from_str_radix(parts.next()?, 16).ok()?,
                seen: match parts.next() {
                    Some(seen) => seen.parse().ok()?,
                    None => Self::ALL,
                },
            };
            parts.next().is_none().then_some(cursor)
        };
        read().ok_or_else(|| CursorError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_from_its_text() {
        for (row, tag, seen) in [
            (i64::MIN, 0, EventCursor::ALL),
            (i64::MIN + 1, 7, 2),
            (-7, 0xbeef, EventCursor::ALL),
            (7, u64::MAX, EventCursor::ALL),
            (i64::MAX, 0xbeef, 3),
        ] {
            let cursor = EventCursor { row, tag, seen };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "7", "-7-1", "7-x", "7-1-2-3", "7-1-", "a-1", "7-1--1"] {
            assert!(text.parse::<EventCursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        assert_eq!(cut_message("short"), ("short", false));
        let exact = "x".repeat(MESSAGE_MAX);
        assert_eq!(cut_message(&exact), (&*exact, false));
        let long = format!("x{}", "é".repeat(MESSAGE_MAX));
        let (cut, is_cut) = cut_message(&long);
        assert!(is_cut && cut.len() == MESSAGE_MAX - 1 && long.starts_with(cut));
    }
}
