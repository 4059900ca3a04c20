//! How storage does, for those who watch a process.

/// What the writer of this process has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterFigures {
    /// Transactions that were committed.
    pub batches: u64,
    /// Writes in them.
    pub writes: u64,
    /// Transactions that could not be committed.
    pub failed: u64,
    /// How long all of them took together.
    pub busy_us: u64,
}

/// Tells how storage does. Reading it does no I/O.
pub trait Measured: Send + Sync + 'static {
    fn writer_figures(&self) -> WriterFigures;
}
