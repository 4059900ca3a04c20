//! Actions on many runs that are not begun.

use super::{Problem, ProblemKind};
use crate::bulk::BulkRefusal;

impl From<&BulkRefusal> for Problem {
    fn from(refusal: &BulkRefusal) -> Self {
        match refusal {
            BulkRefusal::NoRuns => Self::new(ProblemKind::InvalidQuery, refusal.to_string())
                .hint("name flow runs by their ids, or give a filter"),
            BulkRefusal::TooMany { .. } => {
                Self::new(ProblemKind::InvalidQuery, refusal.to_string())
                    .hint("give a filter that lets all of them through")
            }
            BulkRefusal::Store(err) => err.into(),
        }
    }
}
