//! A blob that is read.

use ::blobs::Download;
use bytes::Bytes;
use model::{BlobDigest, BlobPlace, BlobRef};

use super::{BlobError, Blobs, hashed};

/// Gives the bytes of a blob, from its beginning.
pub struct BlobReading {
    blobs: Blobs,
    stored: model::StoredBlob,
    from: From,
    hasher: blake3::Hasher,
    /// What was handed out.
    read: u64,
}

enum From {
    Storage(Download),
    /// So many rows were read; this is left of the last.
    Rows {
        count: u32,
        rest: Bytes,
    },
}

impl Blobs {
    /// Opens a blob. Errs if it is not there, or of another size.
    pub async fn read(&self, asked: BlobRef) -> Result<BlobReading, BlobError> {
        let reading = self.read_any(asked.digest).await?;
        let reading = reading.ok_or(BlobError::Gone(asked))?;
        let is = reading.blob().size;
        if is != asked.size {
            return Err(BlobError::OtherSize { asked, is });
        }
        Ok(reading)
    }

    /// The same, of any size. None: it is not there.
    pub async fn read_any(&self, digest: BlobDigest) -> Result<Option<BlobReading>, BlobError> {
        let Some(stored) = self.store.blob(digest).await? else {
            return Ok(None);
        };
        let from = match (stored.place, &self.storage) {
            (BlobPlace::Storage, Some(storage)) => {
                let download = storage.read(stored.upload.0, stored.blob.size);
                From::Storage(download.await?)
            }
            (BlobPlace::Storage, None) => return Err(BlobError::NoStorage(stored.blob)),
            (BlobPlace::Database, _) => From::Rows {
                count: 0,
                rest: Bytes::new(),
            },
        };
        Ok(Some(BlobReading {
            blobs: self.clone(),
            stored,
            from,
            hasher: blake3::Hasher::new(),
            read: 0,
        }))
    }
}

impl BlobReading {
    pub fn blob(&self) -> BlobRef {
        self.stored.blob
    }

    /// Up to so many bytes; none at the end. The last ones come only if all are those that were
    /// written.
    pub async fn read(&mut self, max: usize) -> Result<Bytes, BlobError> {
        let blob = self.stored.blob;
        let bytes = self.next(max).await?;
        self.read += bytes.len() as u64;
        if self.read > blob.size || (bytes.is_empty() && self.read < blob.size) {
            return Err(BlobError::Damaged(blob));
        }
        let hasher = std::mem::take(&mut self.hasher);
        self.hasher = hashed(hasher, bytes.clone()).await?;
        if self.read == blob.size && self.hasher.finalize().as_bytes() != &blob.digest.0 {
            return Err(BlobError::Damaged(blob));
        }
        Ok(bytes)
    }

    async fn next(&mut self, max: usize) -> Result<Bytes, BlobError> {
        match &mut self.from {
            From::Storage(download) => Ok(download.read(max).await?),
            From::Rows { count, rest } => {
                if rest.is_empty() {
                    let row = self.blobs.store.bytes(self.stored.upload, *count).await?;
                    *rest = row.unwrap_or_default().into();
                    *count += 1;
                }
                Ok(rest.split_to(max.min(rest.len())))
            }
        }
    }
}
