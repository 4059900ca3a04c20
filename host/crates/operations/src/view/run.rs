//! Flow runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{
    ArtifactView, AttemptView, EntryView, FailureView, HistoryLineView, InputView, StateView,
    TaskRunView, View, in_ms, span_ms,
};
use model::{
    DeploymentName, Digest, FlowName, FlowRun, Json, PoolName, Priority, QueueName, RunId, RunName,
    StateName, StateType, Timestamp, has_waited,
};

/// A flow run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowRunView {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    pub state: StateView,
    pub pool: Option<PoolName>,
    /// The queue of the pool. Null: `default`.
    pub work_queue: Option<QueueName>,
    /// Within its queue: the lower the number, the sooner.
    #[serde(default)]
    pub priority: Priority,
    pub component: Digest,
    pub parameters: Json,
    pub tags: Vec<String>,
    /// The flow run that started it.
    pub parent: Option<RunId>,
    /// For a subflow: the run whose sandbox executes it.
    pub within: Option<RunId>,
    pub attempt: u32,
    pub created: Timestamp,
    pub scheduled: Timestamp,
    /// When its latest attempt started.
    pub started: Option<Timestamp>,
    /// How long the attempts before that took together.
    #[serde(default)]
    pub earlier_attempts_ms: f64,
    pub ended: Option<Timestamp>,
    /// How long its attempts took together, once it has ended.
    pub duration_ms: Option<f64>,
    /// Once it has completed.
    pub result: Option<Json>,
    /// Once it has ended otherwise.
    pub failure: Option<FailureView>,
}

impl View for FlowRunView {}

impl FlowRunView {
    /// What it returned, as JSON. A null is a result, too, but in JSON it looks like none.
    pub fn returned(&self) -> Option<&str> {
        let is_completed = self.state.kind == StateType::Completed.as_str();
        let result = self.result.as_ref().map(Json::as_str);
        result.or(is_completed.then_some("null"))
    }

    /// How long its attempts have taken together until `now`, or took.
    pub fn took(&self, now: Timestamp) -> Option<Duration> {
        let from = self.counted_from()?;
        Some(self.ended.unwrap_or(now).since(from))
    }

    /// When it would have started for the first time, had there been nothing between its attempts:
    /// what has passed since then is what they have taken.
    pub fn counted_from(&self) -> Option<Timestamp> {
        let earlier = Duration::from_secs_f64(self.earlier_attempts_ms.max(0.0) / 1000.0);
        Some(self.started?.before(earlier))
    }

    /// The same with the state that people are shown: one that should have started is `Late`.
    #[must_use]
    pub fn as_shown(mut self, now: Timestamp) -> Self {
        let is_scheduled = self.state.name == StateName::SCHEDULED.0;
        if is_scheduled && has_waited(self.scheduled, self.state.at, now) {
            self.state.name = StateName::LATE.0.into_owned();
        }
        self
    }
}

impl From<FlowRun> for FlowRunView {
    fn from(run: FlowRun) -> Self {
        let (result, failure) = match run.outcome {
            Some(Ok(result)) => (Some(result), None),
            Some(Err(failure)) => (None, Some(failure.into())),
            None => (None, None),
        };
        Self {
            id: run.id,
            name: run.name,
            flow: run.flow,
            deployment: run.deployment,
            state: run.state.into(),
            pool: run.pool,
            work_queue: run.work_queue,
            priority: run.priority,
            component: run.component,
            parameters: run.parameters,
            tags: run.tags,
            parent: run.parent,
            within: run.within,
            attempt: run.attempt,
            created: run.created,
            scheduled: run.scheduled,
            started: run.started,
            earlier_attempts_ms: in_ms(run.earlier),
            ended: run.ended,
            duration_ms: span_ms(run.started.map(|at| at.before(run.earlier)), run.ended),
            result,
            failure,
        }
    }
}

/// A flow run with all that belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Json")]
pub struct FlowRunDetailsView {
    #[serde(flatten)]
    pub run: FlowRunView,
    /// Every state it was in, oldest first.
    pub history: Vec<HistoryLineView>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// How many of its children are in each state.
    pub children: TallyView,
    pub task_runs: Vec<TaskRunView>,
    /// What it and the subflows within it wait for a person to give.
    pub inputs: Vec<InputView>,
    /// The newest that it and the subflows within it have made, newest first.
    #[serde(default)]
    pub artifacts: Vec<ArtifactView>,
    /// The names of runs that wait for each other: it waits for the first, each for the next, and
    /// the last for it. None of them goes on by itself. Left out unless there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circle: Vec<RunName>,
    /// Left out unless it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<Vec<EntryView>>,
}

impl View for FlowRunDetailsView {}

/// serde buffers what is flattened, and cannot give a JSON text from there as it is written.
impl TryFrom<Json> for FlowRunDetailsView {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        #[derive(Deserialize)]
        struct Rest {
            history: Vec<HistoryLineView>,
            attempts: Vec<AttemptView>,
            children: TallyView,
            task_runs: Vec<TaskRunView>,
            inputs: Vec<InputView>,
            #[serde(default)]
            artifacts: Vec<ArtifactView>,
            #[serde(default)]
            circle: Vec<RunName>,
            journal: Option<Vec<EntryView>>,
        }
        let rest: Rest = serde_json::from_str(json.as_str())?;
        Ok(Self {
            run: serde_json::from_str(json.as_str())?,
            history: rest.history,
            attempts: rest.attempts,
            children: rest.children,
            task_runs: rest.task_runs,
            inputs: rest.inputs,
            artifacts: rest.artifacts,
            circle: rest.circle,
            journal: rest.journal,
        })
    }
}

/// How many runs are in each state: an object by the states' types, in their order.
#[derive(Clone, Debug)]
pub struct TallyView(pub Vec<(StateType, u64)>);

impl View for TallyView {}

impl Serialize for TallyView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(state, count)| (state.as_str(), count)))
    }
}

impl<'de> Deserialize<'de> for TallyView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<StateType, u64>::deserialize(deserializer)?;
        Ok(Self(counts.into_iter().collect()))
    }
}

impl PartialSchema for TallyView {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new().schema_type(Type::Integer);
        let count = AdditionalProperties::RefOr(count.minimum(Some(0)).into());
        ObjectBuilder::new()
            .description(Some(
                "How many runs are in each state, by the states' types.",
            ))
            .additional_properties(Some(count))
            .into()
    }
}
impl ToSchema for TallyView {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{
        AT, artifact, entry, failure, flow_run, history, input, shown, task_run,
    };
    use crate::view::views;
    use model::{State, attempts};

    #[test]
    fn the_shape_of_a_flow_run() {
        insta::assert_snapshot!(shown(&FlowRunView::from(flow_run())), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "name": "silver-otter",
          "flow": "etl",
          "deployment": "etl/nightly",
          "state": {
            "type": "COMPLETED",
            "name": "Completed",
            "at": "2023-11-14T22:13:20.373456Z"
          },
          "pool": "default-pool",
          "work_queue": "fast",
          "priority": 50,
          "component": "abababababababababababababababababababababababababababababababab",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "parent": "01920000-0000-7000-8000-000000000002",
          "within": "01920000-0000-7000-8000-000000000002",
          "attempt": 2,
          "created": "2023-11-14T22:13:20.123456Z",
          "scheduled": "2023-11-14T22:13:20.123456Z",
          "started": "2023-11-14T22:13:20.123456Z",
          "earlier_attempts_ms": 0.0,
          "ended": "2023-11-14T22:13:20.373456Z",
          "duration_ms": 250.0,
          "result": [1, 2],
          "failure": null
        }
        "#);
    }

    #[test]
    fn a_run_that_is_not_over_has_neither_result_nor_failure() {
        let mut run = flow_run();
        (run.started, run.ended, run.outcome) = (None, None, None);
        (run.deployment, run.pool, run.work_queue) = (None, None, None);
        (run.parent, run.within) = (None, None);
        run.state = State::scheduled(AT);
        insta::assert_snapshot!(shown(&FlowRunView::from(run)), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "name": "silver-otter",
          "flow": "etl",
          "deployment": null,
          "state": {
            "type": "SCHEDULED",
            "name": "Scheduled",
            "at": "2023-11-14T22:13:20.123456Z"
          },
          "pool": null,
          "work_queue": null,
          "priority": 50,
          "component": "abababababababababababababababababababababababababababababababab",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "parent": null,
          "within": null,
          "attempt": 2,
          "created": "2023-11-14T22:13:20.123456Z",
          "scheduled": "2023-11-14T22:13:20.123456Z",
          "started": null,
          "earlier_attempts_ms": 0.0,
          "ended": null,
          "duration_ms": null,
          "result": null,
          "failure": null
        }
        "#);
    }

    #[test]
    fn a_run_that_returned_nothing_has_a_result_all_the_same() {
        let mut run = flow_run();
        run.outcome = Some(Ok(Json::null()));
        let sent = serde_json::to_string(&FlowRunView::from(run)).unwrap();
        let read: FlowRunView = serde_json::from_str(&sent).unwrap();
        assert_eq!(read.returned(), Some("null"));
        let mut failed = flow_run();
        failed.state = State::pending(AT);
        failed.outcome = None;
        assert_eq!(FlowRunView::from(failed).returned(), None);
    }

    #[test]
    fn a_run_that_should_have_started_is_shown_as_late() {
        let mut run = flow_run();
        run.state = State::scheduled(AT);
        run.scheduled = AT;
        let shown = |seconds| {
            let now = AT.after(std::time::Duration::from_secs(seconds));
            let view = FlowRunView::from(run.clone()).as_shown(now);
            assert_eq!(view.state.name, run.shown_state(now).name.0);
            view.state.name
        };
        assert_eq!([shown(14), shown(15)], ["Scheduled", "Late"]);
    }

    #[test]
    fn a_run_that_failed_has_a_failure() {
        let mut run = flow_run();
        run.outcome = Some(Err(failure()));
        let view = FlowRunView::from(run);
        insta::assert_snapshot!(shown(&view.failure.unwrap()), @r#"
        {
          "kind": "timed-out",
          "message": "too slow"
        }
        "#);
        assert!(view.result.is_none());
    }

    #[test]
    fn the_shape_of_a_run_with_all_that_belongs_to_it() {
        let view = FlowRunDetailsView {
            run: flow_run().into(),
            history: views(history()),
            attempts: views(attempts(&history())),
            children: TallyView(vec![(StateType::Running, 2), (StateType::Completed, 7)]),
            task_runs: views([task_run()]),
            inputs: views([input()]),
            artifacts: views([artifact()]),
            circle: vec![RunName::trusted("lone-heron")],
            journal: Some(views([entry()])),
        };
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "name": "silver-otter",
          "flow": "etl",
          "deployment": "etl/nightly",
          "state": {
            "type": "COMPLETED",
            "name": "Completed",
            "at": "2023-11-14T22:13:20.373456Z"
          },
          "pool": "default-pool",
          "work_queue": "fast",
          "priority": 50,
          "component": "abababababababababababababababababababababababababababababababab",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "parent": "01920000-0000-7000-8000-000000000002",
          "within": "01920000-0000-7000-8000-000000000002",
          "attempt": 2,
          "created": "2023-11-14T22:13:20.123456Z",
          "scheduled": "2023-11-14T22:13:20.123456Z",
          "started": "2023-11-14T22:13:20.123456Z",
          "earlier_attempts_ms": 0.0,
          "ended": "2023-11-14T22:13:20.373456Z",
          "duration_ms": 250.0,
          "result": [1, 2],
          "failure": null,
          "history": [
            {
              "type": "SCHEDULED",
              "name": "Scheduled",
              "at": "2023-11-14T22:13:20.123456Z",
              "attempt": 0
            },
            {
              "type": "PENDING",
              "name": "Pending",
              "at": "2023-11-14T22:13:20.123456Z",
              "attempt": 1,
              "worker": {
                "id": "01920000-0000-7000-8000-000000000004",
                "name": "w1"
              }
            },
            {
              "type": "RUNNING",
              "name": "Running",
              "at": "2023-11-14T22:13:20.123456Z",
              "attempt": 1
            },
            {
              "type": "SCHEDULED",
              "name": "AwaitingRetry",
              "message": "again",
              "at": "2023-11-14T22:13:20.125456Z",
              "attempt": 1,
              "cause": {
                "kind": "timed-out",
                "message": "too slow"
              }
            },
            {
              "type": "WAITING",
              "name": "Suspended",
              "message": "waits for any of input `approval`, timer of 10ms, task `load-1`, flow run `silver-otter` and 3 more",
              "at": "2023-11-14T22:13:20.126456Z",
              "attempt": 2,
              "waits": {
                "count": 7,
                "any": true,
                "first": [
                  {
                    "input": {
                      "seq": 1,
                      "key": "approval"
                    }
                  },
                  {
                    "timer": {
                      "seq": 2,
                      "duration_ms": 10
                    }
                  },
                  {
                    "task": {
                      "seq": 3,
                      "name": "load-1"
                    }
                  },
                  {
                    "run": {
                      "seq": 4,
                      "id": "01920000-0000-7000-8000-000000000002",
                      "name": "silver-otter"
                    }
                  }
                ]
              }
            }
          ],
          "attempts": [
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
            },
            {
              "number": 2,
              "since": "2023-11-14T22:13:20.125456Z",
              "started": null,
              "ended": null,
              "duration_ms": null,
              "worker": null,
              "state": {
                "type": "WAITING",
                "name": "Suspended",
                "message": "waits for any of input `approval`, timer of 10ms, task `load-1`, flow run `silver-otter` and 3 more",
                "at": "2023-11-14T22:13:20.126456Z"
              },
              "failure": null
            }
          ],
          "children": {
            "RUNNING": 2,
            "COMPLETED": 7
          },
          "task_runs": [
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
          ],
          "inputs": [
            {
              "id": "01920000-0000-7000-8000-000000000003",
              "flow_run": "01920000-0000-7000-8000-000000000001",
              "key": "approval",
              "description": "Release it?",
              "schema": {"type":"boolean"},
              "example": true,
              "asked": "2023-11-14T22:13:20.123456Z",
              "until": "2023-11-14T22:13:21.123456Z"
            }
          ],
          "artifacts": [
            {
              "id": "01920000-0000-7000-8000-000000000003",
              "key": "orders",
              "type": "table",
              "description": "Of today",
              "flow_run": "01920000-0000-7000-8000-000000000001",
              "flow_run_name": "silver-otter",
              "flow": "etl",
              "task_run": null,
              "at": "2023-11-14T22:13:20.123456Z",
              "size": 9,
              "data": [{"n":1}]
            }
          ],
          "circle": [
            "lone-heron"
          ],
          "journal": [
            {
              "seq": 1,
              "call": {
                "timer": {
                  "duration_ms": 10
                }
              },
              "answer": {
                "due": {
                  "at": "2023-11-14T22:13:20.133456Z"
                }
              },
              "at": "2023-11-14T22:13:20.123456Z",
              "settled": [
                "2023-11-14T22:13:20.133456Z",
                "timer"
              ]
            }
          ]
        }
        "#);
    }
}
