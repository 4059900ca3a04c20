//! Blobs that were not read.

use super::{Problem, ProblemKind};
use crate::blobs::BlobError;

impl From<&BlobError> for Problem {
    fn from(err: &BlobError) -> Self {
        let problem = |kind| Self::new(kind, err.to_string());
        match err {
            BlobError::Store(err) => err.into(),
            BlobError::Storage(storage) => problem(ProblemKind::Unavailable).hint(storage.hint()),
            BlobError::NoStorage(_) => problem(ProblemKind::Unavailable)
                .hint("start this program with the `--storage` of its workers"),
            BlobError::Damaged(_) => problem(ProblemKind::Damaged)
                .hint("restore the storage from a copy, or let the run write it again"),
            BlobError::Gone(_) => problem(ProblemKind::NotFound)
                .hint("`orch-host flow-run inspect RUN` shows the values of a run"),
            BlobError::TooLargeForDatabase | BlobError::OtherSize { .. } | BlobError::Host(_) => {
                problem(ProblemKind::Internal)
            }
        }
    }
}
