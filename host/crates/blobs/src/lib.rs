//! Keeps large values as objects, in a directory or in an object storage. The only place that names
//! `object_store`.
//!
//! ```text
//! Storage::upload(id) --write, write, finish--> object `id`, durable
//! Storage::read(id)   --read, read, ..-------> its bytes, in order
//! Storage::delete(id, parts)                   it is gone, or was never there
//! ```
//!
//! An object has the id of its upload as its name, not the digest of what is in it. So nothing is
//! copied once its digest is known, and nobody who deletes one can hit what another has just
//! uploaded again. Which digest is in which object is for the database to know; it also knows each
//! upload from before its first byte, so this crate lists nothing.
//!
//! In a directory, an object is a file for its owner alone. [`Upload::finish`] returns once the file
//! and its name are synced to the disk.
//!
//! What is larger than [`PART`] goes to an object storage in parts. What has come of an upload that
//! was broken off is removed by [`Storage::delete`], by the id that [`Upload::begin_parts`] gave.

mod cloud;
mod directory;
mod error;
mod http;
mod storage;
mod url;

pub use error::{Cause, StorageError};
pub use storage::{Download, Storage, Upload};
pub use url::{StorageUrl, StorageUrlError};

/// What of an object storage is sent or read at once, in bytes. No more than 10,000 parts make an
/// object, and none but the last has less than 5 MiB.
pub const PART: usize = 8 << 20;

/// How long a storage may take for one part of what it is asked.
pub const ANSWER_MAX: std::time::Duration = std::time::Duration::from_mins(2);
