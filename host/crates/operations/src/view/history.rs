//! What a run went through.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureView, StateView, View, span_ms, views};
use model::{
    Attempt, AttemptResult, Awaited, HistoryLine, LimitName, PastWorker, RunId, RunName, Seq,
    TaskAttempt, TaskLine, Timestamp, Waits, WorkerId,
};

/// A state that a flow run entered, and what goes with it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HistoryLineView {
    #[serde(flatten)]
    pub state: StateView,
    /// The attempt that it belongs to; 0 before the first.
    pub attempt: u32,
    /// The worker that took the run with this line, or that lost it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<PastWorkerView>,
    /// Why the attempt did not succeed that ended with this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<WaitsView>,
}

impl View for HistoryLineView {}

impl From<HistoryLine> for HistoryLineView {
    fn from(line: HistoryLine) -> Self {
        Self {
            state: line.state.into(),
            attempt: line.attempt,
            worker: line.worker.map(Into::into),
            cause: line.cause.map(Into::into),
            waits: line.waits.map(Into::into),
        }
    }
}

/// A worker, which may be gone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PastWorkerView {
    pub id: WorkerId,
    pub name: Option<String>,
}

impl View for PastWorkerView {}

impl fmt::Display for PastWorkerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.id),
        }
    }
}

impl From<PastWorker> for PastWorkerView {
    fn from(worker: PastWorker) -> Self {
        Self {
            id: worker.id,
            name: worker.name,
        }
    }
}

/// What a flow run waits for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WaitsView {
    /// How many calls.
    pub count: u64,
    /// Whether the first of them to settle is enough.
    pub any: bool,
    /// The first few of them; inputs before the others.
    pub first: Vec<AwaitedView>,
}

impl View for WaitsView {}

impl From<Waits> for WaitsView {
    fn from(waits: Waits) -> Self {
        Self {
            count: waits.count,
            any: waits.any,
            first: views(waits.first),
        }
    }
}

/// A call that a flow run waits for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AwaitedView {
    Timer {
        seq: Seq,
        duration_ms: u64,
    },
    Task {
        seq: Seq,
        /// Of the task run.
        name: String,
    },
    Run {
        seq: Seq,
        id: RunId,
        name: Option<RunName>,
    },
    Input {
        seq: Seq,
        key: String,
    },
    /// Slots of a limit.
    Slots {
        seq: Seq,
        limit: LimitName,
    },
}

impl View for AwaitedView {}

impl From<Awaited> for AwaitedView {
    fn from(awaited: Awaited) -> Self {
        match awaited {
            Awaited::Timer { seq, duration_ms } => Self::Timer { seq, duration_ms },
            Awaited::Task { seq, name } => Self::Task { seq, name },
            Awaited::Run { seq, id, name } => Self::Run { seq, id, name },
            Awaited::Input { seq, key } => Self::Input { seq, key },
            Awaited::Slots { seq, limit } => Self::Slots { seq, limit },
        }
    }
}

/// One try of a flow run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// When the run was created, the attempt before failed, or a person tried it again.
    pub since: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub duration_ms: Option<f64>,
    /// The last worker that executed it.
    pub worker: Option<PastWorkerView>,
    /// Where it is, or how it ended. `AwaitingRetry`: it has failed.
    pub state: StateView,
    pub failure: Option<FailureView>,
}

impl View for AttemptView {}

impl AttemptView {
    /// When it began and ended, if it has done both.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.started.zip(self.ended)
    }

    /// Why it did not succeed, in words. Runs of earlier versions kept no failures, but the
    /// reasons of their states.
    pub fn cause(&self) -> Option<&str> {
        match &self.failure {
            Some(failure) => Some(&failure.message),
            None => self.ended.and(self.state.message.as_deref()),
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            since: attempt.since,
            started: attempt.started,
            ended: attempt.ended,
            duration_ms: span_ms(attempt.started, attempt.ended),
            worker: attempt.worker.map(Into::into),
            state: attempt.state.into(),
            failure: attempt.cause.map(Into::into),
        }
    }
}

/// A state that a task run entered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskLineView {
    #[serde(flatten)]
    pub state: StateView,
    /// Why the attempt did not succeed that ended with this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureView>,
}

impl View for TaskLineView {}

impl From<TaskLine> for TaskLineView {
    fn from(line: TaskLine) -> Self {
        Self {
            state: line.state.into(),
            cause: line.cause.map(Into::into),
        }
    }
}

/// One try of a task run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskAttemptView {
    /// From 1. One that was lost began again under its number.
    pub number: u32,
    /// `running`, `succeeded`, `failed` or `lost` (with its worker).
    #[schema(example = "failed")]
    pub result: Cow<'static, str>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub duration_ms: Option<f64>,
    pub worker: Option<WorkerId>,
    pub failure: Option<FailureView>,
}

impl View for TaskAttemptView {}

impl From<TaskAttempt> for TaskAttemptView {
    fn from(attempt: TaskAttempt) -> Self {
        let (result, failure) = match attempt.result {
            AttemptResult::Running => ("running", None),
            AttemptResult::Succeeded => ("succeeded", None),
            AttemptResult::Failed(_, cause) => ("failed", cause),
            AttemptResult::Lost => ("lost", None),
        };
        Self {
            number: attempt.number,
            result: result.into(),
            started: attempt.started,
            ended: attempt.ended,
            duration_ms: span_ms(Some(attempt.started), attempt.ended),
            worker: attempt.worker,
            failure: failure.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{compact, history, shown, task_run};
    use model::attempts;

    #[test]
    fn the_shape_of_a_history() {
        let lines = history().into_iter().map(HistoryLineView::from);
        insta::assert_snapshot!(compact(lines), @r#"
        {"type":"SCHEDULED","name":"Scheduled","at":"2023-11-14T22:13:20.123456Z","attempt":0}
        {"type":"PENDING","name":"Pending","at":"2023-11-14T22:13:20.123456Z","attempt":1,"worker":{"id":"01920000-0000-7000-8000-000000000004","name":"w1"}}
        {"type":"RUNNING","name":"Running","at":"2023-11-14T22:13:20.123456Z","attempt":1}
        {"type":"SCHEDULED","name":"AwaitingRetry","message":"again","at":"2023-11-14T22:13:20.125456Z","attempt":1,"cause":{"kind":"timed-out","message":"too slow"}}
        {"type":"WAITING","name":"Suspended","message":"waits for any of input `approval`, timer of 10ms, task `load-1`, flow run `silver-otter` and 3 more","at":"2023-11-14T22:13:20.126456Z","attempt":2,"waits":{"count":7,"any":true,"first":[{"input":{"seq":1,"key":"approval"}},{"timer":{"seq":2,"duration_ms":10}},{"task":{"seq":3,"name":"load-1"}},{"run":{"seq":4,"id":"01920000-0000-7000-8000-000000000002","name":"silver-otter"}}]}}
        "#);
    }

    #[test]
    fn the_shape_of_an_attempt() {
        let first = attempts(&history()).remove(0);
        insta::assert_snapshot!(shown(&AttemptView::from(first)), @r#"
        {
          "number": 1,
          "since": "2023-11-14T22:13:20.123456Z",
          "started": "2023-11-14T22:13:20.123456Z",
          "ended": "2023-11-14T22:13:20.125456Z",
          "duration_ms": 2.0,
          "worker": {
            "id": "01920000-0000-7000-8000-000000000004",
            "name": "w1"
          },
          "state": {
            "type": "SCHEDULED",
            "name": "AwaitingRetry",
            "message": "again",
            "at": "2023-11-14T22:13:20.125456Z"
          },
          "failure": {
            "kind": "timed-out",
            "message": "too slow"
          }
        }
        "#);
    }

    #[test]
    fn the_shape_of_an_attempt_of_a_task_run() {
        let first = task_run().attempts().remove(0);
        insta::assert_snapshot!(shown(&TaskAttemptView::from(first)), @r#"
        {
          "number": 1,
          "result": "failed",
          "started": "2023-11-14T22:13:20.123456Z",
          "ended": "2023-11-14T22:13:20.125456Z",
          "duration_ms": 2.0,
          "worker": "01920000-0000-7000-8000-000000000004",
          "failure": {
            "kind": "timed-out",
            "message": "too slow"
          }
        }
        "#);
    }
}
