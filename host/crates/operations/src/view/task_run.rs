//! Task runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{StateView, TaskAttemptView, TaskLineView, View, span_ms, views};
use model::{RunId, Seq, TaskName, TaskRun, TaskRunId, Timestamp, WorkerId};

/// A task run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskRunView {
    pub id: TaskRunId,
    pub name: String,
    pub task: TaskName,
    /// The flow run or subflow that called it.
    pub flow_run: RunId,
    /// Its position in the flow run's journal.
    pub seq: Seq,
    pub state: StateView,
    pub tags: Vec<String>,
    /// The latest attempt that began, from 1; 0 before the first.
    pub attempt: u32,
    /// When the next attempt is due, while one is awaited.
    pub retry_at: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub duration_ms: Option<f64>,
    /// The worker that executed the latest attempt that began.
    pub worker: Option<WorkerId>,
    /// Every state it was in, oldest first.
    pub history: Vec<TaskLineView>,
    /// Its attempts, oldest first.
    pub attempts: Vec<TaskAttemptView>,
}

impl View for TaskRunView {}

impl From<TaskRun> for TaskRunView {
    fn from(run: TaskRun) -> Self {
        let (started, ended) = (run.started(), run.ended());
        let attempts = views(run.attempts());
        Self {
            state: run.state().clone().into(),
            id: run.id,
            name: run.name,
            task: run.task,
            flow_run: run.flow_run,
            seq: run.seq,
            tags: run.tags,
            attempt: run.attempt,
            retry_at: run.retry_at,
            started,
            ended,
            duration_ms: span_ms(started, ended),
            worker: run.worker,
            attempts,
            history: views(run.history),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown, task_run};
    use model::State;

    #[test]
    fn the_shape_of_a_task_run() {
        insta::assert_snapshot!(shown(&TaskRunView::from(task_run())), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000003",
          "name": "load-1",
          "task": "load",
          "flow_run": "01920000-0000-7000-8000-000000000001",
          "seq": 7,
          "state": {
            "type": "FAILED",
            "name": "TimedOut",
            "message": "too slow",
            "at": "2023-11-14T22:13:20.125456Z"
          },
          "tags": [
            "t"
          ],
          "attempt": 1,
          "retry_at": "2023-11-14T22:13:20.132456Z",
          "started": "2023-11-14T22:13:20.123456Z",
          "ended": "2023-11-14T22:13:20.125456Z",
          "duration_ms": 2.0,
          "worker": "01920000-0000-7000-8000-000000000004",
          "history": [
            {
              "type": "RUNNING",
              "name": "Running",
              "at": "2023-11-14T22:13:20.123456Z"
            },
            {
              "type": "FAILED",
              "name": "TimedOut",
              "message": "too slow",
              "at": "2023-11-14T22:13:20.125456Z",
              "cause": {
                "kind": "timed-out",
                "message": "too slow"
              }
            }
          ],
          "attempts": [
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
          ]
        }
        "#);
    }

    #[test]
    fn a_task_run_that_has_not_started_has_no_times() {
        let mut run = task_run();
        run.history = vec![State::scheduled(AT).into()];
        let view = TaskRunView::from(run);
        assert_eq!(
            (view.started, view.ended, view.duration_ms),
            (None, None, None)
        );
    }
}
