//! Why a storage did not do what it was asked.

use std::error::Error as _;
use std::io;

use super::ANSWER_MAX;

/// What a failure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The directory or its disk has no room.
    NoSpace,
    /// The directory, the bucket or the container is not there.
    NoPlace,
    /// It may not be read or written.
    NotAllowed,
    /// Who asks is not known there, or has no credentials.
    NotKnown,
    /// The object is not there.
    Gone,
    /// It has not answered in time.
    Late,
    Other,
}

impl Cause {
    /// Whether the same may succeed later without anybody's doing.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::NoSpace | Self::Late | Self::Other)
    }

    fn words(self) -> &'static str {
        match self {
            Self::NoSpace => "has no space left",
            Self::NoPlace => "is not there",
            Self::NotAllowed => "may not be used by this program",
            Self::NotKnown => "does not know this program, or has been given no credentials",
            Self::Gone => "does not have the object",
            Self::Late => "has not answered in time",
            Self::Other => "failed",
        }
    }
}

/// Why a storage did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the storage `{storage}` {}: {reason}", .cause.words())]
pub struct StorageError {
    /// Its address.
    pub storage: String,
    pub cause: Cause,
    pub reason: String,
}

impl StorageError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.cause {
            Cause::NoPlace => "make it, or name another with `ORCH_STORAGE_URL`",
            Cause::NotAllowed => "let this program read, write and delete there",
            Cause::NotKnown => {
                "credentials come from the environment, such as `AWS_ACCESS_KEY_ID` and \
                 `AWS_SECRET_ACCESS_KEY`"
            }
            Cause::NoSpace | Cause::Gone | Cause::Late | Cause::Other => {
                "`ORCH_STORAGE_URL` names the storage"
            }
        }
    }

    pub(crate) fn of_system(storage: &str, err: &io::Error) -> Self {
        let cause = match err.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Cause::NoSpace,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Cause::NotAllowed
            }
            io::ErrorKind::NotADirectory => Cause::NoPlace,
            _ => Cause::Other,
        };
        Self {
            storage: storage.to_owned(),
            cause,
            reason: err.to_string(),
        }
    }

    pub(crate) fn of_cloud(storage: &str, err: &object_store::Error) -> Self {
        use object_store::Error;
        let reason = in_one_line(err);
        let is_of_place = ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
            .iter()
            .any(|words| reason.contains(words));
        let cause = match err {
            _ if is_of_place => Cause::NoPlace,
            Error::NotFound { .. } => Cause::Gone,
            Error::PermissionDenied { .. } => Cause::NotAllowed,
            Error::Unauthenticated { .. } => Cause::NotKnown,
            _ if reason.contains("InstanceCredentials") || reason.contains("metadata") => {
                Cause::NotKnown
            }
            _ => Cause::Other,
        };
        Self {
            storage: storage.to_owned(),
            cause,
            reason,
        }
    }

    pub(crate) fn late(storage: &str) -> Self {
        Self {
            storage: storage.to_owned(),
            cause: Cause::Late,
            reason: format!("the limit is {}", humantime::format_duration(ANSWER_MAX)),
        }
    }

    pub(crate) fn odd(storage: &str, reason: impl ToString) -> Self {
        Self {
            storage: storage.to_owned(),
            cause: Cause::Other,
            reason: reason.to_string(),
        }
    }
}

/// An error with its causes, without line breaks and not longer than people read.
fn in_one_line(err: &object_store::Error) -> String {
    const LONGEST: usize = 600;
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let more = err.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = err.source();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut text = words.join(" ");
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}
