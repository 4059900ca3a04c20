//! What a command that failed says, and which exit code it has.

use store::{Missing, StoreError};
use worker::WorkerError;

use super::error::{ExitStatus, UserError};
use super::refusal::{self, Said};

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
        match said(err) {
            Some(Said::ToUser(err)) => Self {
                message: err.message,
                hint: err.hint,
                status: ExitStatus::Usage,
            },
            Some(Said::ByStore(stored)) => Self::of_store(stored),
            Some(Said::Unexpected) | None => Self {
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
            StoreError::StrangeCursor => (
                ExitStatus::Usage,
                "begin at the first page, or keep the filter that the cursor was given for".to_owned(),
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

/// What an operation or the store said, wherever in the chain it is.
fn said(err: &anyhow::Error) -> Option<Said<'_>> {
    err.chain().find_map(|err| {
        if let Some(stored) = stored(err) {
            return Some(Said::ByStore(stored));
        }
        refusal::said(err)
    })
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
