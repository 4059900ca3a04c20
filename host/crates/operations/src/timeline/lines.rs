//! The segments of flow runs and task runs, from their histories.

use super::lane::{Lane, Mark, MarkKind, SegmentKind, Why};
use model::{AttemptResult, HistoryLine, StateName, StateType, TaskRun, Timestamp};

/// The segments of a flow run. `until`: when it is left, or the current time.
pub(super) fn of_run<'h>(
    lines: impl IntoIterator<Item = &'h HistoryLine>,
    until: Timestamp,
) -> Lane {
    let mut lane = Lane::default();
    let mut lines = lines.into_iter().peekable();
    while let Some(line) = lines.next() {
        let from = line.state.at;
        let to = lines.peek().map_or(until, |next| next.state.at);
        let message = || line.state.message.clone().map(Why::Message);
        if line.state.name == StateName::RESCUED {
            let message = line.state.message.clone().unwrap_or_default();
            let kind = MarkKind::Lost { message };
            lane.marks.push(Mark { at: from, kind });
        }
        if line.ends_attempt() {
            let ended = match line.state.kind {
                // It awaits a retry.
                StateType::Scheduled => SegmentKind::Failed,
                state => SegmentKind::ended(state),
            };
            let cause = line.cause.as_ref();
            let why = cause.map(|cause| Why::Message(cause.message.clone()));
            lane.end(ended, from, why.or_else(message));
        }
        let (kind, why) = match line.state.kind {
            StateType::Scheduled if line.ends_attempt() => {
                let number = line.attempt + 1;
                (SegmentKind::Waiting, Some(Why::Retry { number, at: to }))
            }
            StateType::Scheduled => (SegmentKind::Scheduled, message()),
            StateType::Pending => (SegmentKind::Pending, None),
            StateType::Running => (SegmentKind::Running, None),
            StateType::Waiting => {
                let waits = line.waits.clone().map(Why::Waits);
                (SegmentKind::Waiting, waits.or_else(message))
            }
            StateType::Paused => (SegmentKind::Paused, message()),
            StateType::Cancelling => (SegmentKind::Cancelled, None),
            _ => continue,
        };
        if to > from {
            lane.add(kind, from, to, why);
        }
    }
    lane
}

/// The segments of a task run. `lost`: when its flow run lost its workers, in order.
pub(super) fn of_task(run: &TaskRun, lost: &[Timestamp], until: Timestamp) -> Lane {
    let mut lane = Lane::default();
    let mut from = run.called();
    let mut after = Pause::Call;
    for attempt in run.attempts() {
        let (kind, why) = after.of(attempt.started, attempt.number);
        lane.add(kind, from, attempt.started, why);
        let end = attempt.ended.unwrap_or(until);
        let lost = if matches!(attempt.result, AttemptResult::Running | AttemptResult::Lost) {
            let is_within = |at: &&Timestamp| attempt.started < **at && **at <= end;
            lost.iter().find(is_within).copied()
        } else {
            None
        };
        from = lost.unwrap_or(end);
        let (kind, why) = match attempt.result {
            AttemptResult::Failed(state, cause) => {
                let kind = match state.kind {
                    StateType::Scheduled => SegmentKind::Failed,
                    kind => SegmentKind::ended(kind),
                };
                let why = cause.map(|cause| cause.message).or(state.message);
                after = Pause::Retry;
                (kind, why.map(Why::Message))
            }
            _ => {
                after = Pause::Call;
                (SegmentKind::Running, None)
            }
        };
        lane.add(kind, attempt.started, from, why);
        if let Some(at) = lost {
            let message = "its worker was lost".to_owned();
            let kind = MarkKind::Lost { message };
            lane.marks.push(Mark { at, kind });
        }
    }
    let state = run.state();
    if state.kind.is_terminal() {
        // It ended without another attempt, or without any.
        if state.at > from || lane.segments.is_empty() {
            let (kind, why) = after.of(state.at, run.attempt + 1);
            lane.add(kind, from, state.at, why);
            let why = state.message.clone().map(Why::Message);
            lane.end(SegmentKind::ended(state.kind), state.at, why);
        }
    } else if until > from {
        let due = run.retry_at.unwrap_or(until);
        let (kind, why) = after.of(due, run.attempt + 1);
        lane.add(kind, from, until, why);
    }
    lane
}

/// What comes before an attempt.
#[derive(Clone, Copy)]
enum Pause {
    /// It needs others, or a slot.
    Call,
    Retry,
}

impl Pause {
    /// `at`: when the attempt begins.
    fn of(self, at: Timestamp, number: u32) -> (SegmentKind, Option<Why>) {
        match self {
            Self::Call => (SegmentKind::Pending, None),
            Self::Retry => (SegmentKind::Waiting, Some(Why::Retry { number, at })),
        }
    }
}
