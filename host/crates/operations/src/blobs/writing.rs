//! A blob that is written.

use ::blobs::Upload;
use bytes::{Bytes, BytesMut};
use model::{BlobDigest, BlobPlace, BlobRef, Ids as _, RunId, StoredBlob, UploadId};
use tokio::runtime::Handle;

use super::{BlobError, Blobs, IN_DATABASE_MAX, ROW, hashed};
use crate::FreshIds;

/// Takes the bytes of a blob. One that is dropped before it is finished leaves nothing.
pub struct BlobWriting {
    blobs: Blobs,
    run: RunId,
    id: UploadId,
    to: To,
    hasher: blake3::Hasher,
    size: u64,
    is_done: bool,
}

enum To {
    Storage(Upload),
    /// So many rows are there; the next is not full.
    Rows {
        count: u32,
        next: BytesMut,
    },
}

impl Blobs {
    /// Begins a blob of a run.
    pub async fn write(&self, run: RunId) -> Result<BlobWriting, BlobError> {
        let id = UploadId(FreshIds.uuid());
        let (to, place) = match &self.storage {
            Some(storage) => (To::Storage(storage.upload(id.0)), BlobPlace::Storage),
            None => {
                let next = BytesMut::new();
                (To::Rows { count: 0, next }, BlobPlace::Database)
            }
        };
        let now = self.store.clock().now();
        self.store.begin_upload(id, place, now).await?;
        Ok(BlobWriting {
            blobs: self.clone(),
            run,
            id,
            to,
            hasher: blake3::Hasher::new(),
            size: 0,
            is_done: false,
        })
    }
}

impl BlobWriting {
    #[cfg(test)]
    pub(super) fn upload(&self) -> UploadId {
        self.id
    }

    /// Adds some more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        let hasher = std::mem::take(&mut self.hasher);
        let (hasher, written) = tokio::join!(hashed(hasher, bytes.clone()), self.put(bytes));
        self.hasher = hasher?;
        written
    }

    async fn put(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        let store = &self.blobs.store;
        match &mut self.to {
            To::Storage(upload) => {
                if upload.needs_parts(bytes.len()) {
                    let parts = upload.begin_parts().await?;
                    store.note_parts(self.id, &parts).await?;
                }
                Ok(upload.write(bytes).await?)
            }
            To::Rows { .. } if self.size > IN_DATABASE_MAX => Err(BlobError::TooLargeForDatabase),
            To::Rows { count, next } => {
                next.extend_from_slice(&bytes);
                while next.len() >= ROW {
                    let row = next.split_to(ROW).to_vec();
                    store.put_bytes(self.id, *count, row).await?;
                    *count += 1;
                }
                Ok(())
            }
        }
    }

    /// Returns once the blob is durable, and held by its run.
    pub async fn finish(mut self) -> Result<BlobRef, BlobError> {
        let store = self.blobs.store.clone();
        let place = match &mut self.to {
            To::Storage(upload) => {
                upload.finish().await?;
                BlobPlace::Storage
            }
            To::Rows { count, next } => {
                if !next.is_empty() {
                    store.put_bytes(self.id, *count, next.to_vec()).await?;
                }
                BlobPlace::Database
            }
        };
        let blob = BlobRef {
            digest: BlobDigest(*self.hasher.finalize().as_bytes()),
            size: self.size,
        };
        let new = StoredBlob {
            blob,
            upload: self.id,
            place,
            created: store.clock().now(),
        };
        store.finish_upload(self.run, new).await?;
        self.is_done = true;
        Ok(blob)
    }
}

impl Drop for BlobWriting {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.is_done {
            return;
        }
        // If this fails, it is found when it is old.
        let (store, id) = (self.blobs.store.clone(), self.id);
        runtime.spawn(async move {
            if let Err(err) = store.break_off_upload(id).await {
                tracing::debug!(%err, upload = %id, "an upload that was broken off stays for a while");
            }
        });
    }
}
