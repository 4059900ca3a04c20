//! Bytes that are written a part at a time.

use std::io::{self, Write};

use super::{reader::CHUNK, reference::Blob, wire};
use crate::{Error, Result};

/// Takes the bytes of a [`Blob`]. Nothing is kept of what is not finished.
pub struct BlobWriter {
    to: wire::Writer,
    /// Less than a chunk.
    next: Vec<u8>,
}

/// Begins a blob. Tasks only.
pub fn writer() -> Result<BlobWriter> {
    Ok(BlobWriter {
        to: wire::begin()?,
        next: Vec::new(),
    })
}

impl BlobWriter {
    /// Keeps what was written.
    pub fn finish(mut self) -> Result<Blob> {
        self.send()?;
        let (digest, size) = self.to.finish()?;
        Ok(Blob::of(digest, size))
    }

    /// Takes all of it.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.next.is_empty() && bytes.len() >= CHUNK {
                let (chunk, rest) = bytes.split_at(CHUNK);
                self.to.write(chunk)?;
                bytes = rest;
                continue;
            }
            let (some, rest) = bytes.split_at(bytes.len().min(CHUNK - self.next.len()));
            self.next.extend_from_slice(some);
            bytes = rest;
            if self.next.len() == CHUNK {
                self.send()?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        if !self.next.is_empty() {
            self.to.write(&self.next)?;
            self.next.clear();
        }
        Ok(())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes).map_err(Error::into_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send().map_err(Error::into_io)
    }
}
