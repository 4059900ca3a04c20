//! Blobs: bytes on the way to where they are kept, and back.
//!
//! ```text
//! write --begin_upload--> bytes to the storage, or to rows of the database --finish_upload--> reference
//!            (known)            (hashed on the way)                             (kept, and held)
//! read  --which upload has them--> bytes, hashed on the way --the same digest?--> the last ones
//! tidy  --doom, doomed--> bytes deleted --forget_uploads-->
//! ```
//!
//! Where there is a storage, new blobs go there. Without one they go to the database, and are no
//! larger than [`IN_DATABASE_MAX`]. Those of before are read from where they are.

mod reading;
mod tidying;
mod writing;

use std::sync::Arc;

use ::blobs::{Cause, Storage, StorageError};
use model::{BlobRef, Failure, FailureKind};
use store::{Missing, Store, StoreError};

pub use reading::BlobReading;
pub use tidying::{Tidied, tidy};
pub use writing::BlobWriting;

/// The largest blob that is kept in a database, in bytes.
pub const IN_DATABASE_MAX: u64 = 64 << 20;

/// What one row of a database has of a blob, in bytes.
const ROW: usize = 1 << 20;

/// Shorter parts are hashed at once: the way to another thread takes longer.
const HASHED_AT_ONCE: usize = 128 << 10;

/// Where a process keeps blobs. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn Store>,
    storage: Option<Storage>,
}

impl Blobs {
    /// With a storage, or in the database.
    pub fn new(store: Arc<dyn Store>, storage: Option<Storage>) -> Self {
        Self { store, storage }
    }

    /// What one that is written or read makes a process hold beside what it is handed, in bytes.
    pub fn buffer(&self) -> usize {
        self.storage.as_ref().map_or(ROW, Storage::buffer)
    }
}

/// Why a blob was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error(
        "a blob is larger than 64 MiB, which is the limit on one in a database; \
         `ORCH_STORAGE_URL` names a storage for larger ones, the same for all workers"
    )]
    TooLargeForDatabase,
    #[error("there is no blob `{}`, or not any more", .0.digest)]
    Gone(BlobRef),
    #[error(
        "blob `{}` has {is} bytes, but the value that refers to it says {}",
        .asked.digest,
        .asked.size
    )]
    OtherSize { asked: BlobRef, is: u64 },
    #[error(
        "blob `{}` is in a storage, and this program was given none; `ORCH_STORAGE_URL` names it",
        .0.digest
    )]
    NoStorage(BlobRef),
    #[error("the bytes of blob `{}` are damaged: they do not fit its digest", .0.digest)]
    Damaged(BlobRef),
    #[error("{0}")]
    Host(String),
}

impl From<BlobError> for Failure {
    fn from(err: BlobError) -> Self {
        let kind = match &err {
            BlobError::Storage(err) if err.cause == Cause::Gone => FailureKind::NotFound,
            BlobError::Storage(err) if !err.cause.may_pass() => FailureKind::Permanent,
            BlobError::Store(StoreError::NotFound(Missing::Run(_))) => FailureKind::Permanent,
            BlobError::TooLargeForDatabase => FailureKind::Limit,
            BlobError::Gone(_) => FailureKind::NotFound,
            BlobError::OtherSize { .. } => FailureKind::Invalid,
            BlobError::NoStorage(_) | BlobError::Damaged(_) => FailureKind::Permanent,
            BlobError::Storage(_) | BlobError::Store(_) | BlobError::Host(_) => FailureKind::Error,
        };
        Self::new(kind, err.to_string())
    }
}

/// Adds bytes to a hash, where nobody waits for it.
async fn hashed(
    mut hasher: blake3::Hasher,
    bytes: bytes::Bytes,
) -> Result<blake3::Hasher, BlobError> {
    if bytes.len() <= HASHED_AT_ONCE {
        hasher.update(&bytes);
        return Ok(hasher);
    }
    let hashing = tokio::task::spawn_blocking(move || {
        hasher.update(&bytes);
        hasher
    });
    hashing
        .await
        .map_err(|panic| BlobError::Host(panic.to_string()))
}

#[cfg(test)]
mod tests;
