//! Why something did not succeed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Json;

/// The kind of a failure: what may be done about it. Mirrors `failure-kind` of the WIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The author's code returned an error.
    Error,
    /// The author's code returned an error that no retry can mend.
    Permanent,
    /// The author's code panicked or trapped.
    Panicked,
    /// The attempt or the wait took longer than its options allow.
    TimedOut,
    /// A limit of the host was reached; the message names it.
    Limit,
    /// The host or the machine failed, not the code.
    Crashed,
    Cancelled,
    /// Something to be waited for, or taken as an argument, failed.
    Upstream,
    NotFound,
    Invalid,
    Refused,
}

impl FailureKind {
    /// Whether another attempt may end differently. A cancellation is what a person wanted,
    /// and an error that is permanent, a missing thing or a wrong argument stays the same.
    pub fn is_retriable(self) -> bool {
        match self {
            Self::Error | Self::Panicked | Self::TimedOut | Self::Limit | Self::Crashed => true,
            Self::Permanent
            | Self::Cancelled
            | Self::Upstream
            | Self::NotFound
            | Self::Invalid
            | Self::Refused => false,
        }
    }
}

/// An error with its kind, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// What happened, in one line where possible.
    pub message: String,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl Failure {
    /// The failure of a run that was cancelled.
    pub fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "the flow run was cancelled")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How a flow run or a task run ended.
pub type Outcome = Result<Json, Failure>;
