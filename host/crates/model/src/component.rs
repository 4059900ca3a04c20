//! A compiled `.wasm`, known by its digest.

use super::{Digest, Manifest, Timestamp};

/// A component as the store knows it; its bytes are kept beside it.
#[derive(Clone, Debug)]
pub struct Component {
    pub digest: Digest,
    pub manifest: Manifest,
    /// Of the `.wasm`, in bytes.
    pub size: u64,
    pub created: Timestamp,
}
