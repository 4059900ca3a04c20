//! Copies of databases that are not made.

use super::{Problem, ProblemKind};
use crate::database::{BackupRefusal, CopyRefusal};

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

impl From<&BackupRefusal> for Problem {
    fn from(refusal: &BackupRefusal) -> Self {
        let (kind, hint) = match refusal {
            BackupRefusal::Store(err) => return err.into(),
            BackupRefusal::OtherEngine { is_restored, .. } => (
                ProblemKind::InvalidRequest,
                if *is_restored {
                    "`pg_restore` puts back what `pg_dump` has written"
                } else {
                    "`pg_dump --format custom --schema orch_host` writes all of it while workers go on"
                }
                .to_owned(),
            ),
            BackupRefusal::Nothing { .. } => (
                ProblemKind::NotFound,
                "`orch-host database status` tells what is there".to_owned(),
            ),
            BackupRefusal::Exists { path } => (
                ProblemKind::Exists,
                format!(
                    "nothing is ever written over: give another name, or move `{}` away",
                    path.display()
                ),
            ),
            BackupRefusal::Io { .. } => (
                ProblemKind::Database,
                "nothing was changed: give another place, or make it writable".to_owned(),
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
