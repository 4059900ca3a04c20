//! Lines of a run's log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{RunId, TaskRunId, Timestamp};

/// How much a line matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LogLevel {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not a log level"))
    }
}

/// What wrote the line. Only lines of the flow itself are written again on replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The flow's own code.
    Flow,
    /// One attempt of a task.
    Task(TaskRunId),
    /// The host, about the run.
    Host,
}

#[derive(Clone, Debug)]
pub struct LogLine {
    /// The flow run, or the subflow that wrote the line.
    pub run: RunId,
    pub source: LogSource,
    pub at: Timestamp,
    pub level: LogLevel,
    /// The module that logged, or `stdout` and `stderr`.
    pub target: String,
    pub message: String,
}
