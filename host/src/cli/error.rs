//! What a command ends with, and what it says if it cannot.
//!
//! A mistake in what was typed is a [`UserError`]: one sentence, one hint. Anything else is
//! unexpected and shown with its causes, since somebody has to find out why.

use std::fmt;

use operations::manifest::ManifestRefusal;
use store::{Missing, StoreError};
use wasm::ComponentError;
use worker::WorkerError;

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

/// Whoever read stdout has gone, as `head` does: a reason to end, and not to complain.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("stdout is closed")]
pub struct StdoutClosed;

/// An error as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    pub message: String,
    pub hint: Option<String>,
    pub status: ExitStatus,
}

impl Report {
    pub fn of(err: &anyhow::Error) -> Self {
        if let Some(err) = err.downcast_ref::<UserError>() {
            return Self {
                message: err.message.clone(),
                hint: err.hint.clone(),
                status: ExitStatus::Usage,
            };
        }
        // Wherever in the chain it is.
        let stored = err.chain().find_map(stored);
        match stored {
            Some(stored) => Self::of_store(stored),
            None => Self {
                message: format!("{err:#}"),
                hint: None,
                status: ExitStatus::Unexpected,
            },
        }
    }

    fn of_store(err: &StoreError) -> Self {
        let (status, hint) = match err {
            StoreError::NotFound(missing) => (ExitStatus::Usage, listing(missing)),
            StoreError::PoolExists(pool) => (
                ExitStatus::Usage,
                format!("`orch-host work-pool set-limit {pool} N` changes its limit"),
            ),
            StoreError::PoolInUse { pool, .. } => (
                ExitStatus::Usage,
                format!(
                    "move or delete its deployments and let its runs end: `orch-host flow-run ls --pool {pool}`"
                ),
            ),
            StoreError::Subflow { within, .. } => (
                ExitStatus::Usage,
                format!("it begins and ends with the run around it: name {within} instead"),
            ),
            StoreError::Over { run, .. } => (
                ExitStatus::Usage,
                format!("`orch-host flow-run retry {run}` opens a new attempt"),
            ),
            StoreError::NotPaused { .. } => (
                ExitStatus::Usage,
                "only a paused run can be resumed".to_owned(),
            ),
            StoreError::InputNotAwaited { run } => (
                ExitStatus::Usage,
                format!("`orch-host flow-run inspect {run}` shows what it waits for"),
            ),
            StoreError::NotOver { run, .. } => (
                ExitStatus::Usage,
                format!("cancel it first: `orch-host flow-run cancel {run}`"),
            ),
            StoreError::KeyTaken { run, .. } => (
                ExitStatus::Usage,
                format!("`orch-host flow-run inspect {run}` shows the run that has it"),
            ),
            StoreError::NewerVersion { .. } => (
                ExitStatus::Usage,
                "install the version that wrote it, or name another with `--database sqlite:PATH`"
                    .to_owned(),
            ),
            StoreError::NotADatabase { .. } => (
                ExitStatus::Usage,
                "restore the file, or name another with `--database sqlite:PATH`".to_owned(),
            ),
            StoreError::ReadOnly { .. } => (
                ExitStatus::Usage,
                "make the file and its directory writable, or name another with `--database sqlite:PATH`"
                    .to_owned(),
            ),
            StoreError::CannotOpen { .. } => (
                ExitStatus::Usage,
                "its directory must exist and be yours; `--database sqlite:PATH` names another"
                    .to_owned(),
            ),
            StoreError::Unavailable(_) => (
                ExitStatus::Unexpected,
                "free space on its disk, or end what else holds the database; then try again".to_owned(),
            ),
            StoreError::Damaged(_) => (
                ExitStatus::Unexpected,
                "restore the database from a copy".to_owned(),
            ),
            StoreError::Stale { .. } | StoreError::Refused(_) => (
                ExitStatus::Unexpected,
                "this is a mistake in `orch-host` itself".to_owned(),
            ),
        };
        Self {
            message: err.to_string(),
            hint: Some(hint),
            status,
        }
    }
}

/// What the store said. A worker that passes it on stands in its place in the chain.
fn stored<'e>(err: &'e (dyn std::error::Error + 'static)) -> Option<&'e StoreError> {
    match err.downcast_ref::<WorkerError>() {
        Some(WorkerError::Store(stored)) => Some(stored),
        Some(WorkerError::LeaseLost(_)) => None,
        None => err.downcast_ref(),
    }
}

fn listing(missing: &Missing) -> String {
    match missing {
        Missing::Run(_) => "`orch-host flow-run ls` lists the runs there are".to_owned(),
        Missing::Deployment(_) => "`orch-host deployment ls` lists those there are".to_owned(),
        Missing::Pool(pool) => format!("create it: `orch-host work-pool create {pool}`"),
        Missing::Component(_) => "`orch-host deploy FILE.wasm` brings it back".to_owned(),
        Missing::Worker(_) => "`orch-host worker ls` lists those there are".to_owned(),
    }
}

/// What to say of a file that is no component of ours.
pub fn not_deployable(path: &std::path::Path, err: &ComponentError) -> UserError {
    UserError::new(format!("`{}` cannot be used: {err}", path.display())).hint(err.hint())
}

/// A component whose manifest cannot stand.
pub fn bad_manifest(path: &std::path::Path, refusal: &ManifestRefusal) -> UserError {
    let hint = match refusal {
        ManifestRefusal::NoFlow => {
            "a flow crate depends on `guest-sdk` and has at least one `#[flow]`"
        }
        ManifestRefusal::Twins { .. } => "give one of them another name: `#[flow(name = \"..\")]`",
        ManifestRefusal::Declaration { .. } => {
            "change the declaration in `#[flow(..)]` or `#[task(..)]`"
        }
    };
    UserError::new(format!("`{}` cannot be used: {refusal}", path.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_from_trouble() {
        let mistake = UserError::new("no such thing").hint("look again");
        let report = Report::of(&mistake.into());
        assert_eq!(report.status, ExitStatus::Usage);
        assert_eq!(report.hint.as_deref(), Some("look again"));

        let trouble = anyhow::anyhow!("disk on fire").context("cannot go on");
        let report = Report::of(&trouble);
        assert_eq!(report.message, "cannot go on: disk on fire");
        assert_eq!(report.status, ExitStatus::Unexpected);
    }

    #[test]
    fn a_store_error_is_found_below_others() {
        let missing = StoreError::NotFound(Missing::Pool("p".parse().unwrap()));
        let report = Report::of(&anyhow::Error::new(missing).context("while starting"));
        assert_eq!(report.message, "work pool `p` does not exist");
        assert_eq!(
            report.hint.as_deref(),
            Some("create it: `orch-host work-pool create p`")
        );

        let full = WorkerError::Store(StoreError::Unavailable("disk full".to_owned()));
        let report = Report::of(&full.into());
        assert_eq!(report.message, "the database is not available: disk full");
        assert!(report.hint.is_some());
    }
}
