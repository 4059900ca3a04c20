//! Copies of databases that are not made.

use super::{Problem, ProblemKind};
use crate::database::CopyRefusal;

impl From<&CopyRefusal> for Problem {
    fn from(refusal: &CopyRefusal) -> Self {
        let (kind, hint) = match refusal {
            CopyRefusal::Store(err) => return err.into(),
            CopyRefusal::Same { .. } => (
                ProblemKind::InvalidRequest,
                "name another database to copy to".to_owned(),
            ),
            CopyRefusal::Nothing { .. } => (
                ProblemKind::NotFound,
                "name the database that holds your runs first, then the empty one".to_owned(),
            ),
            CopyRefusal::InUse { .. } => (
                ProblemKind::InUse,
                "stop its workers and servers, then do the same again: what they execute goes on \
                 with workers of the copy"
                    .to_owned(),
            ),
            CopyRefusal::NotEmpty { .. } => (
                ProblemKind::Exists,
                "copy to an empty database: nothing is ever mixed or written over".to_owned(),
            ),
            CopyRefusal::OtherCopy { place, copied, .. } => (
                ProblemKind::Exists,
                format!(
                    "`orch-host database copy {copied} {place}` finishes it; or {}",
                    removal(place)
                ),
            ),
            CopyRefusal::Differs { place, from, .. } => (
                ProblemKind::InUse,
                format!(
                    "end all that uses `{from}` or `{place}`, {}, and do the same again",
                    removal(place)
                ),
            ),
        };
        Self::new(kind, refusal.to_string()).hint(hint)
    }
}

/// How to be rid of half a copy.
fn removal(place: &str) -> String {
    match place.strip_prefix("sqlite:") {
        Some(path) => format!("remove the file `{path}`"),
        None => "remove the half copy: `DROP SCHEMA orch_host CASCADE` in its database".to_owned(),
    }
}
