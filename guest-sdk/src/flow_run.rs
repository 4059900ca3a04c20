//! A flow run as another flow sees it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind, Result,
    arguments::from_json,
    bindings::types::{self, StateType},
};

/// The id of a flow run: a UUID as text.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct FlowRunId(String);

impl FlowRunId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlowRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for FlowRunId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for FlowRunId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<&FlowRunId> for FlowRunId {
    fn from(id: &FlowRunId) -> Self {
        id.clone()
    }
}

impl From<&FlowRun> for FlowRunId {
    fn from(run: &FlowRun) -> Self {
        run.id.clone()
    }
}

/// Where a run is. The names follow Prefect's state types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Will run, now or at a time.
    Scheduled,
    /// Claimed by a worker.
    Pending,
    /// Being executed.
    Running,
    /// Waits for something, and holds no slot.
    Waiting,
    /// Stopped by a person, until resumed.
    Paused,
    /// Told to stop, may still clean up.
    Cancelling,
    /// Ended with a result.
    Completed,
    /// Ended because its code failed.
    Failed,
    /// Ended because the host or the machine failed.
    Crashed,
    /// Ended because a person cancelled it or a run above it.
    Cancelled,
}

impl State {
    /// Whether the run has ended, one way or another.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Crashed | Self::Cancelled
        )
    }
}

impl From<StateType> for State {
    fn from(state: StateType) -> Self {
        match state {
            StateType::Scheduled => Self::Scheduled,
            StateType::Pending => Self::Pending,
            StateType::Running => Self::Running,
            StateType::Waiting => Self::Waiting,
            StateType::Paused => Self::Paused,
            StateType::Cancelling => Self::Cancelling,
            StateType::Completed => Self::Completed,
            StateType::Failed => Self::Failed,
            StateType::Crashed => Self::Crashed,
            StateType::Cancelled => Self::Cancelled,
        }
    }
}

/// A flow run as it was when it was read; it does not change by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FlowRun {
    pub id: FlowRunId,
    /// Generated, such as `silver-otter`, unless it was given.
    pub name: String,
    /// The flow's name.
    pub flow: String,
    /// `flow/deployment`.
    pub deployment: Option<String>,
    pub state: State,
    /// The state's name for people, such as `Late` or `TimedOut`.
    pub state_name: String,
    outcome: Option<Result<String, types::Failure>>,
}

impl FlowRun {
    /// What the run returned.
    ///
    /// Errs when it failed, crashed or was cancelled, with the kind of that failure and a
    /// message that names the run; when it has not ended; and when what it returned is not
    /// a `T`.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T> {
        let Self { name, flow, .. } = self;
        match &self.outcome {
            Some(Ok(json)) => from_json(json)
                .map_err(|error| error.context(format!("flow run `{name}` ({flow})"))),
            Some(Err(failure)) => Err(Error::of_kind(
                failure.kind.into(),
                format!(
                    "flow run `{name}` ({flow}) {}: {}",
                    self.ending(),
                    failure.message
                ),
            )),
            None => Err(Error::of_kind(
                ErrorKind::Refused,
                format!(
                    "flow run `{name}` ({flow}) has no result yet, it is {}; wait for it first",
                    self.state_name
                ),
            )),
        }
    }

    fn ending(&self) -> &'static str {
        match self.state {
            State::Crashed => "crashed",
            State::Cancelled => "was cancelled",
            _ => "failed",
        }
    }
}

impl From<types::FlowRun> for FlowRun {
    fn from(run: types::FlowRun) -> Self {
        Self {
            id: run.id.into(),
            name: run.name,
            flow: run.flow,
            deployment: run.deployment,
            state: run.state.into(),
            state_name: run.state_name,
            outcome: run.outcome,
        }
    }
}
