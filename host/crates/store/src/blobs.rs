//! Blobs: which are kept, for whom, and where their bytes are.
//!
//! ```text
//! begin_upload --bytes--> finish_upload: the blob, held by its run      (a commit each)
//!      |                        `- another has the same bytes: that one is held, the upload is doomed
//!      `- never finished ---------> doom: after a day          --+
//! run deleted --> its holds go --> doom: of whom nobody holds  --+--> doomed --bytes deleted--> forgotten
//! ```
//!
//! A run holds every blob that it has written, and every blob of which a reference stands in one of
//! its stored JSON texts. It does so until it is deleted.
//!
//! What has bytes is an upload, under an id of its own. It is known before its first byte, so
//! whatever is in a storage has a row; nobody has to look through a storage for what was left there.
//! A blob that is written again while it is deleted has another upload with bytes of its own: to
//! delete those of the first is harmless, whenever it happens.
//!
//! Dooming takes the row of the blob away in the commit that finds no holder. Whoever adds a hold
//! adds it to a row that is there, or adds none. So there is no moment at which a blob is held and
//! doomed; what that takes is said by each engine.

use async_trait::async_trait;
use model::{BlobDigest, BlobPlace, RunId, StoredBlob, Timestamp, UploadId};

use crate::StoreResult;

/// An upload whose bytes are to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedUpload {
    pub upload: UploadId,
    pub place: BlobPlace,
    /// What a storage calls the parts that were sent.
    pub parts: Option<String>,
}

/// Keeps blobs, as long as runs hold them.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Makes an upload known, before its first byte.
    async fn begin_upload(
        &self,
        upload: UploadId,
        place: BlobPlace,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Notes what the storage calls the parts of an upload.
    async fn note_parts(&self, upload: UploadId, parts: &str) -> StoreResult<()>;

    /// Keeps the bytes of an upload from `seq` on, counted in calls from 0.
    async fn put_bytes(&self, upload: UploadId, seq: u32, bytes: Vec<u8>) -> StoreResult<()>;

    /// What the call `seq` has kept. None: it is the end, or gone.
    async fn bytes(&self, upload: UploadId, seq: u32) -> StoreResult<Option<Vec<u8>>>;

    /// Makes a blob of an upload, and lets the run hold it. Gives the blob as it is kept: if it was
    /// there, the upload is doomed. Errs if the upload is not known any more, or if there is no
    /// such run.
    async fn finish_upload(&self, run: RunId, blob: StoredBlob) -> StoreResult<StoredBlob>;

    /// Dooms an upload that nothing will come of. One that is not known is none.
    async fn break_off_upload(&self, upload: UploadId) -> StoreResult<()>;

    async fn blob(&self, digest: BlobDigest) -> StoreResult<Option<StoredBlob>>;

    /// Dooms up to `count` blobs that nobody holds, and as many uploads that began before `before`
    /// and are not finished. Returns how many were looked at: there may be more if these are as many
    /// as were asked for.
    async fn doom(&self, before: Timestamp, count: u32) -> StoreResult<u64>;

    /// Up to so many whose bytes are to be deleted.
    async fn doomed(&self, count: u32) -> StoreResult<Vec<DoomedUpload>>;

    /// Forgets what was doomed and is deleted, with what of it is in the database.
    async fn forget_uploads(&self, uploads: &[UploadId]) -> StoreResult<()>;
}
