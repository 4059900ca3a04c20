//! Counts what the writer does. The thread adds, anybody reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::WriterFigures;

#[derive(Debug, Default)]
pub(crate) struct Figures {
    batches: AtomicU64,
    writes: AtomicU64,
    failed: AtomicU64,
    busy_us: AtomicU64,
}

impl Figures {
    /// Adds a batch of so many writes.
    pub(super) fn add(&self, writes: usize, is_committed: bool, took: Duration) {
        let add = |figure: &AtomicU64, more: u64| {
            figure.fetch_add(more, Ordering::Relaxed);
        };
        if is_committed {
            add(&self.batches, 1);
            add(&self.writes, writes as u64);
        } else {
            add(&self.failed, 1);
        }
        add(&self.busy_us, took.as_micros() as u64);
    }

    pub(crate) fn read(&self) -> WriterFigures {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        WriterFigures {
            batches: read(&self.batches),
            writes: read(&self.writes),
            failed: read(&self.failed),
            busy_us: read(&self.busy_us),
        }
    }
}
