//! Blobs that an instance writes and reads.
//!
//! ```text
//! guest --write, at most BLOB_CHUNK_MAX at once--> Writer --> BlobWriter of the port
//! guest <--read, the same---------------------- Reader <-- BlobReader of the port
//! ```
//!
//! Each holds a part of the memory that blobs have together, from when it is opened until it is
//! dropped. Nobody sees a blob before a recorded outcome refers to it, so writing one does not pass
//! the gate.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::budget::{Held, MemoryBudget};
use super::halt::bytes;
use super::limits::BLOB_CHUNK_MAX;
use super::port::{BlobReader, BlobWriter, CallError, CallResult};
use model::{BlobRef, Failure, FailureKind};

/// The memory of blobs is a sixteenth of that of guests, and no less than this, in bytes: what one
/// holds of an object storage has to fit into half of it.
pub(super) const BLOBS_LEAST: usize = 32 << 20;

/// How long an instance waits for memory of others' blobs. It may have some itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a guest has of a blob that it writes.
pub struct Writer {
    /// None: it was finished, or has failed.
    to: Option<Box<dyn BlobWriter>>,
    size: u64,
    max: u64,
    _held: Held,
}

/// What a guest has of a blob that it reads.
pub struct Reader {
    from: Box<dyn BlobReader>,
    _held: Held,
}

impl Writer {
    /// Waits for memory.
    pub async fn open(
        to: Box<dyn BlobWriter>,
        max: u64,
        memory: &Arc<MemoryBudget>,
    ) -> CallResult<Self> {
        Ok(Self {
            _held: hold(memory, to.buffer(), PATIENCE).await?,
            to: Some(to),
            size: 0,
            max,
        })
    }

    pub async fn write(&mut self, some: Vec<u8>) -> CallResult<()> {
        let size = self.size + some.len() as u64;
        if size > self.max {
            self.to = None;
            let max = bytes(usize::try_from(self.max).unwrap_or(usize::MAX));
            let message = format!("a blob is larger than {max}, which is the limit on one");
            return Err(Failure::new(FailureKind::Limit, message).into());
        }
        let written = match &mut self.to {
            Some(to) => to.write(some.into()).await,
            None => Err(is_over()),
        };
        match written {
            Ok(()) => self.size = size,
            Err(_) => self.to = None,
        }
        written
    }

    pub async fn finish(&mut self) -> CallResult<BlobRef> {
        match self.to.take() {
            Some(to) => to.finish().await,
            None => Err(is_over()),
        }
    }
}

impl Reader {
    /// Waits for memory.
    pub async fn open(from: Box<dyn BlobReader>, memory: &Arc<MemoryBudget>) -> CallResult<Self> {
        Ok(Self {
            _held: hold(memory, from.buffer(), PATIENCE).await?,
            from,
        })
    }

    pub async fn read(&mut self, max: u32) -> CallResult<Vec<u8>> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let read = self.from.read(max.clamp(1, BLOB_CHUNK_MAX)).await?;
        Ok(read.into())
    }
}

fn is_over() -> CallError {
    let message = "the blob was finished before, or writing it has failed";
    Failure::new(FailureKind::Invalid, message).into()
}

/// Waits until there is memory for one more.
async fn hold(memory: &Arc<MemoryBudget>, buffer: usize, patience: Duration) -> CallResult<Held> {
    let limit = |message| CallError::from(Failure::new(FailureKind::Limit, message));
    let held = timeout(patience, memory.reserve(buffer + BLOB_CHUNK_MAX)).await;
    let held = held.map_err(|_| {
        limit(format!(
            "no memory for one more blob was free for {}; the limit on all that are written and \
             read at once is {}",
            humantime::format_duration(patience),
            bytes(memory.max())
        ))
    })?;
    held.map_err(|over| limit(over.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ::bytes::Bytes;
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use model::BlobDigest;

    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl BlobWriter for Kept {
        fn buffer(&self) -> usize {
            0
        }

        fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, CallResult<()>> {
            self.0.lock().unwrap().extend_from_slice(&bytes);
            async { Ok(()) }.boxed()
        }

        fn finish(self: Box<Self>) -> BoxFuture<'static, CallResult<BlobRef>> {
            let size = self.0.lock().unwrap().len() as u64;
            let digest = BlobDigest([0; 32]);
            async move { Ok(BlobRef { digest, size }) }.boxed()
        }
    }

    fn message<T>(called: CallResult<T>) -> String {
        match called {
            Err(CallError::Failure(failure)) => failure.message,
            _ => panic!("no failure"),
        }
    }

    #[tokio::test]
    async fn a_blob_has_a_limit_and_one_end() {
        let memory = MemoryBudget::new(BLOBS_LEAST);
        let kept = Arc::<Mutex<Vec<u8>>>::default();
        let open = || Writer::open(Box::new(Kept(Arc::clone(&kept))), 10, &memory);
        let mut writer = open().await.unwrap();
        writer.write(vec![1; 10]).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().size, 10);
        assert!(message(writer.finish().await).contains("was finished before"));
        let mut writer = open().await.unwrap();
        let said = message(writer.write(vec![1; 11]).await);
        assert_eq!(
            said,
            "a blob is larger than 10 B, which is the limit on one"
        );
        assert!(message(writer.write(vec![1]).await).contains("has failed"));
        assert_eq!(kept.lock().unwrap().len(), 10);
    }

    #[tokio::test]
    async fn all_blobs_together_have_a_limit() {
        let memory = MemoryBudget::new(BLOBS_LEAST);
        let hold = || hold(&memory, 0, Duration::from_millis(1));
        let mut held = Vec::new();
        for _ in 0..BLOBS_LEAST / BLOB_CHUNK_MAX {
            held.push(hold().await.unwrap());
        }
        assert_eq!(
            message(hold().await),
            "no memory for one more blob was free for 1ms; the limit on all that are written and \
             read at once is 32.00 MiB"
        );
        held.pop();
        hold().await.unwrap();
    }
}
