//! Deletes cached results that have expired, the bytes of blobs that nothing holds, and those of
//! uploads that nothing came of.
//!
//! Whoever has a storage does this now and then. Several may do it at once: to delete what is gone
//! is nothing, and what is doomed stays doomed until it is deleted.

use std::time::Duration;

use model::{BlobPlace, UploadId};
use store::{CachePart, DoomedUpload};

use super::{BlobError, Blobs};
use crate::cache::clear;

/// How long an upload may take. Whoever takes longer is not let finish.
pub const UPLOAD_MAX: Duration = Duration::from_hours(24);

/// What is done at once.
const AT_ONCE: u32 = 100;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Cached results.
    pub expired: u64,
    /// Blobs.
    pub deleted: u64,
    /// What is in a storage that this process does not have, or that did not delete it.
    pub left: u64,
}

/// Deletes all that is to be deleted now.
pub async fn tidy(blobs: &Blobs) -> Result<Tidied, BlobError> {
    let store = &blobs.store;
    let mut tidied = Tidied {
        expired: clear_expired(blobs).await?,
        ..Tidied::default()
    };
    let before = store.clock().now().before(UPLOAD_MAX);
    while store.doom(before, AT_ONCE).await? >= u64::from(AT_ONCE) {}
    loop {
        let doomed = store.doomed(AT_ONCE).await?;
        let mut deleted: Vec<UploadId> = Vec::new();
        for upload in &doomed {
            match delete(blobs, upload).await {
                Ok(true) => deleted.push(upload.upload),
                Ok(false) => {}
                Err(err) => {
                    tracing::warn!(%err, upload = %upload.upload, "the bytes of a blob were not deleted");
                }
            }
        }
        store.forget_uploads(&deleted).await?;
        tidied.deleted += deleted.len() as u64;
        // What is left comes again, and would for ever.
        if deleted.len() < doomed.len() || doomed.is_empty() {
            tidied.left = (doomed.len() - deleted.len()) as u64;
            return Ok(tidied);
        }
    }
}

/// Before blobs are looked for: a result may be the last that holds one.
async fn clear_expired(blobs: &Blobs) -> Result<u64, BlobError> {
    let store = &*blobs.store;
    let expired = CachePart::Expired(store.clock().now());
    // Mostly there are none, and to look is cheaper than to write.
    if store.cached_entries(&expired, None, 1).await?.is_empty() {
        return Ok(0);
    }
    Ok(clear(store, &expired).await?)
}

/// Whether its bytes are gone, but for those in the database.
async fn delete(blobs: &Blobs, upload: &DoomedUpload) -> Result<bool, BlobError> {
    match (upload.place, &blobs.storage) {
        (BlobPlace::Database, _) => Ok(true),
        (BlobPlace::Storage, None) => Ok(false),
        (BlobPlace::Storage, Some(storage)) => {
            storage
                .delete(upload.upload.0, upload.parts.as_deref())
                .await?;
            Ok(true)
        }
    }
}
