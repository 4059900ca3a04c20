//! Events: what has changed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{StateView, View};
use crate::stream::Told;
use model::{
    ArtifactEvent, ArtifactId, ArtifactKey, DeploymentName, Edited, Event, FlowName, FlowRunEvent,
    InputChange, InputEvent, InputId, LogEvent, PoolName, RunFacts, RunId, RunName, Seq, TaskName,
    TaskRunEvent, TaskRunId, Timestamp, WorkerChange, WorkerId,
};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventType {
    FlowRun,
    TaskRun,
    Log,
    Input,
    Artifact,
    Deployment,
    Pool,
    Worker,
}

impl EventType {
    pub const ALL: [Self; 8] = [
        Self::FlowRun,
        Self::TaskRun,
        Self::Log,
        Self::Input,
        Self::Artifact,
        Self::Deployment,
        Self::Pool,
        Self::Worker,
    ];

    pub fn of(event: &Event) -> Self {
        match event {
            Event::FlowRun(_) | Event::RunDeleted { .. } => Self::FlowRun,
            Event::TaskRun(_) => Self::TaskRun,
            Event::Log(_) => Self::Log,
            Event::Input(_) => Self::Input,
            Event::Artifact(_) => Self::Artifact,
            Event::Deployment { .. } => Self::Deployment,
            Event::Pool { .. } => Self::Pool,
            Event::Worker { .. } => Self::Worker,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::FlowRun => "flow-run",
            Self::TaskRun => "task-run",
            Self::Log => "log",
            Self::Input => "input",
            Self::Artifact => "artifact",
            Self::Deployment => "deployment",
            Self::Pool => "pool",
            Self::Worker => "worker",
        }
    }
}

/// One change. It says what is so now; values that may be large are read elsewhere.
///
/// `type` says which of the fields after `run` is there.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Where to go on after it: the `cursor` or `after` of the next request.
    pub cursor: String,
    pub at: Timestamp,
    /// `flow-run`, `task-run`, `log`, `input`, `artifact`, `deployment`, `pool` or `worker`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The run that it is about, unless that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<EventRunView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_run: Option<FlowRunEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_run: Option<TaskRunEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolEventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerEventView>,
}

impl View for EventView {}

/// What never changes about a run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventRunView {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    pub pool: Option<PoolName>,
    pub parent: Option<RunId>,
    pub within: Option<RunId>,
}

impl From<&RunFacts> for EventRunView {
    fn from(run: &RunFacts) -> Self {
        Self {
            id: run.id,
            name: run.name.clone(),
            flow: run.flow.clone(),
            deployment: run.deployment.clone(),
            pool: run.pool.clone(),
            parent: run.parent,
            within: run.within,
        }
    }
}

/// A flow run is new, is in another state, or is gone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowRunEventView {
    pub id: RunId,
    pub attempt: u32,
    /// None: it was deleted. A long message is cut.
    pub state: Option<StateView>,
    pub is_new: bool,
}

/// A task run is new, or is in another state.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskRunEventView {
    pub id: TaskRunId,
    pub name: String,
    pub task: TaskName,
    /// The flow run or subflow that called it.
    pub flow_run: RunId,
    pub seq: Seq,
    pub attempt: u32,
    /// The latest; it may have been in others since the event before. A long message is cut.
    pub state: StateView,
    pub started: Option<Timestamp>,
    pub retry_at: Option<Timestamp>,
}

/// Lines were added to a log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogEventView {
    pub flow_run: RunId,
    pub count: u32,
    /// The highest among them.
    #[schema(value_type = model::LogLevel)]
    pub level: Cow<'static, str>,
}

/// Something changed about an input that a run asks for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InputEventView {
    pub id: InputId,
    pub flow_run: RunId,
    pub key: String,
    /// `asked`, `given`, `expired` or `withdrawn`.
    pub change: Cow<'static, str>,
}

/// A run has made an artifact, or shows another progress.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArtifactEventView {
    pub id: ArtifactId,
    pub key: ArtifactKey,
    /// `markdown`, `table`, `link`, `progress` or `image`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub flow_run: RunId,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeploymentEventView {
    pub name: DeploymentName,
    /// `created`, `changed` or `deleted`.
    pub change: Cow<'static, str>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolEventView {
    pub name: PoolName,
    /// `created`, `changed` or `deleted`.
    pub change: Cow<'static, str>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorkerEventView {
    pub id: WorkerId,
    pub name: String,
    pub pool: Option<PoolName>,
    /// `registered`, `signed-off` or `lost`.
    pub change: Cow<'static, str>,
}

impl From<&Told> for EventView {
    fn from(told: &Told) -> Self {
        let mut view = Self {
            cursor: told.placed.cursor.to_string(),
            at: told.placed.at,
            kind: Cow::Borrowed(""),
            run: told.run.as_deref().map(EventRunView::from),
            flow_run: None,
            task_run: None,
            log: None,
            input: None,
            artifact: None,
            deployment: None,
            pool: None,
            worker: None,
        };
        view.kind = view.fill(&told.placed.event).as_str().into();
        view
    }
}

impl EventView {
    /// Sets the field of the event, and returns its type.
    fn fill(&mut self, event: &Event) -> EventType {
        match event {
            Event::FlowRun(event) => self.flow_run = Some(event.into()),
            Event::RunDeleted { run, .. } => {
                self.flow_run = Some(FlowRunEventView {
                    id: *run,
                    attempt: 0,
                    state: None,
                    is_new: false,
                });
            }
            Event::TaskRun(event) => self.task_run = Some(event.into()),
            Event::Log(event) => self.log = Some(event.into()),
            Event::Input(event) => self.input = Some(event.into()),
            Event::Artifact(event) => self.artifact = Some(event.into()),
            Event::Deployment { name, what } => {
                self.deployment = Some(DeploymentEventView {
                    name: name.clone(),
                    change: edited(*what).into(),
                });
            }
            Event::Pool { name, what } => {
                self.pool = Some(PoolEventView {
                    name: name.clone(),
                    change: edited(*what).into(),
                });
            }
            Event::Worker {
                id,
                name,
                pool,
                what,
            } => {
                self.worker = Some(WorkerEventView {
                    id: *id,
                    name: name.clone(),
                    pool: pool.clone(),
                    change: of_worker(*what).into(),
                });
            }
        }
        EventType::of(event)
    }
}

fn edited(what: Edited) -> &'static str {
    match what {
        Edited::Created => "created",
        Edited::Changed => "changed",
        Edited::Deleted => "deleted",
    }
}

fn of_worker(what: WorkerChange) -> &'static str {
    match what {
        WorkerChange::Registered => "registered",
        WorkerChange::SignedOff => "signed-off",
        WorkerChange::Lost => "lost",
    }
}

impl From<&FlowRunEvent> for FlowRunEventView {
    fn from(event: &FlowRunEvent) -> Self {
        Self {
            id: event.run,
            attempt: event.attempt,
            state: Some(event.state.clone().into()),
            is_new: event.created.is_some(),
        }
    }
}

impl From<&TaskRunEvent> for TaskRunEventView {
    fn from(event: &TaskRunEvent) -> Self {
        Self {
            id: event.task_run,
            name: event.name.clone(),
            task: event.task.clone(),
            flow_run: event.flow_run,
            seq: event.seq,
            attempt: event.attempt,
            state: event.state.clone().into(),
            started: event.started,
            retry_at: event.retry_at,
        }
    }
}

impl From<&LogEvent> for LogEventView {
    fn from(event: &LogEvent) -> Self {
        Self {
            flow_run: event.run,
            count: event.count,
            level: event.level.as_str().into(),
        }
    }
}

impl From<&InputEvent> for InputEventView {
    fn from(event: &InputEvent) -> Self {
        let change = match event.what {
            InputChange::Asked => "asked",
            InputChange::Given => "given",
            InputChange::Expired => "expired",
            InputChange::Withdrawn => "withdrawn",
        };
        Self {
            id: event.input,
            flow_run: event.run,
            key: event.key.clone(),
            change: change.into(),
        }
    }
}

impl From<&ArtifactEvent> for ArtifactEventView {
    fn from(event: &ArtifactEvent) -> Self {
        Self {
            id: event.artifact,
            key: event.key.clone(),
            kind: event.kind.as_str().into(),
            flow_run: event.run,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{EventCursor, PlacedEvent, State};

    use super::*;
    use crate::view::testing::{AT, RUN, shown, uuid};

    fn told(event: Event) -> EventView {
        let cursor = EventCursor {
            row: 7,
            tag: 0xbeef,
            seen: 1,
        };
        let placed = PlacedEvent {
            cursor,
            at: AT,
            event,
        };
        EventView::from(&Told { placed, run: None })
    }

    #[test]
    fn the_shape_of_an_event() {
        let view = told(Event::FlowRun(FlowRunEvent {
            run: RunId(uuid(RUN)),
            within: None,
            attempt: 1,
            line: 2,
            state: State::pending(AT),
            is_cut: false,
            created: None,
        }));
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "cursor": "7-beef-1",
          "at": "2023-11-14T22:13:20.123456Z",
          "type": "flow-run",
          "flow_run": {
            "id": "01920000-0000-7000-8000-000000000001",
            "attempt": 1,
            "state": {
              "type": "PENDING",
              "name": "Pending",
              "at": "2023-11-14T22:13:20.123456Z"
            },
            "is_new": false
          }
        }
        "#);
        let view = told(Event::Pool {
            name: PoolName::default_pool(),
            what: Edited::Changed,
        });
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "cursor": "7-beef-1",
          "at": "2023-11-14T22:13:20.123456Z",
          "type": "pool",
          "pool": {
            "name": "default-pool",
            "change": "changed"
          }
        }
        "#);
    }
}
