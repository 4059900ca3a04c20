//! What a test is shown of what a flow did.

use std::time::Duration;

use serde_json::Value;

use crate::{Error, Result};

/// A task run that a flow has started.
#[derive(Clone, Debug)]
pub struct TaskRun {
    /// The task's name.
    pub task: String,
    /// The task run's name.
    pub name: String,
    pub tags: Vec<String>,
    /// The arguments by parameter name; `Null` if it never ran.
    pub arguments: Value,
    /// How often it was tried; 0 if what it needs failed.
    pub attempts: u32,
    /// What became of it.
    pub result: Result<Value>,
}

/// A run of a deployment that a flow has started.
#[derive(Clone, Debug)]
pub struct ChildRun {
    /// `flow/deployment`.
    pub deployment: String,
    /// The run's name.
    pub name: String,
    pub tags: Vec<String>,
    pub parameters: Value,
    /// When it was to start, by the clock of the harness.
    pub starts: Duration,
    /// What became of it; `None` if it had not ended when the flow returned.
    pub result: Option<Result<Value>>,
}

/// A line that a flow or a task has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub level: log::Level,
    pub message: String,
}

/// An artifact that a flow or a task has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    pub key: String,
    pub description: Option<String>,
    /// A text of Markdown, the rows of a table, an address, or a number of percent.
    pub content: Value,
}

/// What cannot be read as a `Value`, such as a number of 128 bits, is shown as its text.
pub(super) fn shown(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}

pub(super) fn shown_outcome(outcome: &super::answers::Outcome) -> Result<Value> {
    match outcome {
        Ok(json) => Ok(shown(json)),
        Err(failure) => Err(Error::from_host(failure)),
    }
}
