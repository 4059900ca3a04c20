//! A database as a whole: what it is, bringing it to this version, copying it to another.

mod backup;
mod copy;
mod digest;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use store::moving::{Condition, Contents, Database, Look};
use store::{StoreError, StoreResult};

pub use backup::{BackedUp, BackupRefusal, backup, restore};
pub use copy::{Copied, CopyProgress, CopyRefusal, CopyStep, copy};

/// How the tables of a database stand to those that this program knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no file at the place.
    Missing,
    /// There is nothing in it.
    Empty,
    Older(i64),
    Current(i64),
    Newer(i64),
    /// It is half a copy of the database at this place.
    HalfCopied(String),
}

impl Standing {
    pub fn of(look: &Look) -> Self {
        match &look.condition {
            Condition::Missing => Self::Missing,
            Condition::Blank => Self::Empty,
            Condition::HalfCopied(mark) => Self::HalfCopied(mark.from.clone()),
            Condition::Version(found) if *found < look.known => Self::Older(*found),
            Condition::Version(found) if *found > look.known => Self::Newer(*found),
            Condition::Version(found) => Self::Current(*found),
        }
    }

    /// Of the tables that there are.
    pub fn version(&self, look: &Look) -> Option<i64> {
        match self {
            Self::Missing | Self::Empty => None,
            Self::Older(found) | Self::Current(found) | Self::Newer(found) => Some(*found),
            Self::HalfCopied(_) => Some(look.known),
        }
    }
}

/// How many flow runs there are, and how many of them are not over.
pub fn runs(contents: &Contents) -> (u64, u64) {
    let unfinished = contents.runs.iter().filter(|(of, _)| !of.is_terminal());
    (
        contents.runs.values().sum(),
        unfinished.map(|(_, count)| count).sum(),
    )
}

/// What became of a database that is to be of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// None: it was empty, or not there.
    pub from: Option<i64>,
    pub to: i64,
}

/// Brings a database to this version. Errs if it is of a later one, or half a copy.
pub async fn migrate(database: &dyn Database) -> StoreResult<Migrated> {
    let look = database.look().await?;
    let from = match Standing::of(&look) {
        Standing::Missing | Standing::Empty => None,
        Standing::Older(found) | Standing::Current(found) => Some(found),
        other => return Err(unfit(database, &look, other)),
    };
    if from != Some(look.known) {
        database.migrate().await?;
    }
    Ok(Migrated {
        from,
        to: look.known,
    })
}

/// What is said of a database that has another version, or is half a copy.
fn unfit(database: &dyn Database, look: &Look, standing: Standing) -> StoreError {
    let (path, known) = (path(database), look.known);
    match standing {
        Standing::HalfCopied(from) => StoreError::HalfCopied { path, from },
        Standing::Newer(found) => StoreError::NewerVersion { path, found, known },
        Standing::Older(found) | Standing::Current(found) => {
            StoreError::OlderVersion { path, found, known }
        }
        Standing::Missing | Standing::Empty => StoreError::CannotOpen {
            path,
            reason: "there is nothing in it".to_owned(),
        },
    }
}

/// The place as errors of the store have it.
fn path(database: &dyn Database) -> PathBuf {
    let place = database.place();
    PathBuf::from(place.strip_prefix("sqlite:").unwrap_or(&place))
}
