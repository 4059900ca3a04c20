//! What a command ends with, and what it says if it cannot.
//!
//! A mistake in what was typed is a [`UserError`]: one sentence, one hint. Anything else is
//! unexpected and shown with its causes, because their reader has to find out why.

use std::fmt;

use operations::manifest::ManifestRefusal;
use operations::problem::Problem;
use wasm::ComponentError;

/// The exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done; what ran has completed.
    Success,
    /// The run failed, crashed or was cancelled.
    Failure,
    /// The command line or the input was wrong.
    Usage,
    /// The program or the machine failed: `EX_SOFTWARE` of sysexits(3).
    Unexpected,
    /// Ctrl-C, as shells count it.
    Interrupted,
}

impl ExitStatus {
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Unexpected => 70,
            Self::Interrupted => 130,
        }
    }
}

/// A mistake of the person at the keyboard, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError {
    pub message: String,
    pub hint: Option<String>,
}

impl UserError {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UserError {}

/// The reader of stdout is gone, as with `head`: the command ends without an error message.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("stdout is closed")]
pub struct StdoutClosed;

/// What to say of a file that is no component of ours.
pub fn not_deployable(path: &std::path::Path, err: &ComponentError) -> UserError {
    UserError::new(format!("`{}` cannot be used: {err}", path.display())).hint(err.hint())
}

/// The same of what was brought to the database, which did not know the file.
pub fn not_usable(path: &std::path::Path, problem: Problem) -> UserError {
    let reason = problem
        .detail
        .strip_prefix("the component cannot be used: ");
    let reason = reason.unwrap_or(&problem.detail);
    UserError {
        message: format!("`{}` cannot be used: {reason}", path.display()),
        hint: problem.hint,
    }
}

/// A component whose manifest cannot stand.
pub fn bad_manifest(path: &std::path::Path, refusal: &ManifestRefusal) -> UserError {
    UserError::new(format!("`{}` cannot be used: {refusal}", path.display())).hint(refusal.hint())
}
