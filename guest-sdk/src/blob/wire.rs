//! Blobs of the host.

use crate::{Error, Result, bindings::orch::workflow::blobs};

pub struct Writer(blobs::Writer);

pub fn begin() -> Result<Writer> {
    blobs::Writer::open()
        .map(Writer)
        .map_err(Error::from_own_call)
}

impl Writer {
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes).map_err(Error::from_own_call)
    }

    /// The digest, and how many bytes there are.
    pub fn finish(self) -> Result<(String, u64)> {
        let blob = self.0.finish().map_err(Error::from_own_call)?;
        Ok((blob.digest, blob.size))
    }
}

pub struct Reader(blobs::Reader);

pub fn open(digest: &str, size: u64) -> Result<Reader> {
    let blob = blobs::Blob {
        digest: digest.to_owned(),
        size,
    };
    blobs::Reader::open(&blob)
        .map(Reader)
        .map_err(Error::from_own_call)
}

impl Reader {
    pub fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        self.0.read(max as u32).map_err(Error::from_own_call)
    }
}
