//! Blobs of the host.

use super::{Blob, error};
use crate::{Result, bindings::orch::workflow::blobs};

pub struct Writer(blobs::Writer);

pub fn begin() -> Result<Writer> {
    blobs::Writer::open().map(Writer).map_err(error)
}

impl Writer {
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes).map_err(error)
    }

    pub fn finish(self) -> Result<Blob> {
        let blob = self.0.finish().map_err(error)?;
        Ok(Blob::of(blob.digest, blob.size))
    }
}

pub struct Reader(blobs::Reader);

pub fn open(digest: &str, size: u64) -> Result<Reader> {
    let blob = blobs::Blob {
        digest: digest.to_owned(),
        size,
    };
    blobs::Reader::open(&blob).map(Reader).map_err(error)
}

impl Reader {
    pub fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        self.0.read(max as u32).map_err(error)
    }
}
