//! Blobs, from where this process keeps them.

use ::blobs::Storage;
use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::try_unfold;
use model::BlobDigest;
use store::{Missing, StoreError};

use super::local::LocalClient;
use super::{Answered, BlobBytes, BlobsClient};
use crate::blobs::{BlobError, BlobReading, Blobs};
use crate::problem::{Problem, ProblemKind};

/// What is read at once, in bytes.
const PART: usize = 1 << 20;

#[async_trait]
impl BlobsClient for LocalClient {
    async fn read_blob(&self, digest: &str) -> Answered<BlobBytes> {
        let digest: BlobDigest = digest.parse().map_err(|err| {
            let detail = format!("`{digest}` is no blob: it is {err}");
            Problem::new(ProblemKind::InvalidName, detail)
                .hint("`orch-host flow-run inspect RUN` shows the values of a run")
        })?;
        let found = self.blobs()?.read_any(digest).await?;
        let blob = found.ok_or(StoreError::NotFound(Missing::Blob(digest)))?;
        let size = blob.blob().size;
        let parts = try_unfold(blob, async |mut blob: BlobReading| {
            let part = blob.read(PART).await?;
            Ok((!part.is_empty()).then_some((part, blob)))
        });
        Ok(BlobBytes {
            size,
            parts: parts.boxed(),
        })
    }
}

impl LocalClient {
    /// Opens the storage when it is first asked for.
    fn blobs(&self) -> Answered<&Blobs> {
        if let Some(opened) = self.blobs.get() {
            return Ok(opened);
        }
        let storage = self.storage.as_ref().map(Storage::open).transpose();
        let opened = Blobs::new(self.store.clone(), storage.map_err(BlobError::from)?);
        Ok(self.blobs.get_or_init(|| opened))
    }
}
