//! Bytes that are read a part at a time.

use std::io::{self, Read};

use super::wire;
use crate::{Error, Result};

/// What is handed over at once, in bytes.
pub(super) const CHUNK: usize = 1 << 20;

/// The bytes of a [`Blob`](super::Blob), from their beginning. The last ones come only if all are
/// those that were written.
pub struct BlobReader {
    from: wire::Reader,
    rest: Vec<u8>,
    /// What of it was read.
    at: usize,
}

impl BlobReader {
    pub(super) fn of(from: wire::Reader) -> Self {
        Self {
            from,
            rest: Vec::new(),
            at: 0,
        }
    }

    /// What comes next, a MiB at most. None: that was all.
    pub(super) fn part(&mut self) -> Result<Option<Vec<u8>>> {
        let part = self.from.read(CHUNK)?;
        Ok((!part.is_empty()).then_some(part))
    }
}

impl Read for BlobReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        if self.at == self.rest.len() {
            self.rest = self.part().map_err(Error::into_io)?.unwrap_or_default();
            self.at = 0;
        }
        let rest = &self.rest[self.at..];
        let read = rest.len().min(to.len());
        to[..read].copy_from_slice(&rest[..read]);
        self.at += read;
        Ok(read)
    }
}
