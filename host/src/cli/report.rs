//! What a command that failed says, and which exit code it has.

use operations::problem::{Problem, ProblemKind};
use worker::WorkerError;

use super::error::{ExitStatus, UserError};

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
            // Its reader has to find out why, so all causes are shown.
            Some(Problem {
                kind: ProblemKind::Internal,
                hint: None,
                ..
            })
            | None => Self {
                message: format!("{err:#}"),
                hint: None,
                status: ExitStatus::Unexpected,
            },
            Some(problem) => Self {
                status: status(problem.kind),
                message: problem.detail,
                hint: problem.hint,
            },
        }
    }
}

fn status(kind: ProblemKind) -> ExitStatus {
    if kind.is_mistake_of_user() {
        ExitStatus::Usage
    } else {
        ExitStatus::Unexpected
    }
}

/// What an operation or the store said, wherever in the chain it is. A worker that passes it
/// on stands in its place in the chain.
fn said(err: &anyhow::Error) -> Option<Problem> {
    err.chain()
        .find_map(|err| match err.downcast_ref::<WorkerError>() {
            Some(WorkerError::Store(stored)) => Some(stored.into()),
            Some(WorkerError::LeaseLost(_) | WorkerError::Panicked(_)) => None,
            None => Problem::of(err),
        })
}

#[cfg(test)]
mod tests {
    use store::{Missing, StoreError};

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
