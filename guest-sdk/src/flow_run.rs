//! A flow run as another flow sees it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind, Result,
    arguments::from_json,
    bindings::types::{self, StateType},
};

/// The id of a flow run: a UUID as text.
///
/// It is `Copy`, so it can be kept, compared and passed on without a thought. Its size is that of
/// a UUID: of a longer text, which is none, the beginning is kept for the message that says so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct FlowRunId {
    /// UTF-8, with zeros after it.
    text: [u8; Self::BYTES_MAX],
}

impl FlowRunId {
    const BYTES_MAX: usize = 36;

    fn new(id: &str) -> Self {
        let kept = &id[..id.floor_char_boundary(Self::BYTES_MAX)];
        let mut text = [0; Self::BYTES_MAX];
        text[..kept.len()].copy_from_slice(kept.as_bytes());
        Self { text }
    }

    pub fn as_str(&self) -> &str {
        let end = self.text.iter().position(|byte| *byte == 0);
        let text = &self.text[..end.unwrap_or(Self::BYTES_MAX)];
        std::str::from_utf8(text).expect("it is the beginning of a text")
    }
}

impl fmt::Debug for FlowRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowRunId({:?})", self.as_str())
    }
}

impl JsonSchema for FlowRunId {
    fn inline_schema() -> bool {
        String::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

impl fmt::Display for FlowRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for FlowRunId {
    fn from(id: String) -> Self {
        Self::new(&id)
    }
}

impl From<FlowRunId> for String {
    fn from(id: FlowRunId) -> Self {
        id.as_str().to_owned()
    }
}

impl From<&str> for FlowRunId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<&FlowRunId> for FlowRunId {
    fn from(id: &FlowRunId) -> Self {
        *id
    }
}

impl From<&FlowRun> for FlowRunId {
    fn from(run: &FlowRun) -> Self {
        run.id
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_copied_and_reads_back() {
        let text = "0199a213-16bb-7462-b7c6-159f7f59d0ac";
        let id = FlowRunId::from(text);
        let ids = [id, id];
        assert_eq!(ids[1].as_str(), text);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<FlowRunId>(&json).unwrap(), id);
        assert_eq!(id.to_string(), text);
        // What is no id is refused by whoever is asked for it, by its beginning.
        let long = "ä".repeat(40);
        assert_eq!(FlowRunId::from(long.as_str()).as_str(), "ä".repeat(18));
        assert_eq!(FlowRunId::from("x").as_str(), "x");
    }
}
