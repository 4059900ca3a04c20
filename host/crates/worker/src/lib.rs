//! A worker: claims runs, executes them, parks them while they wait.
//!
//! ```text
//! claim --> execution: replay the journal, then go on
//!             |  calls  --> journal entries, buffered
//!             |  tasks  --> instances of their own, in parallel
//!             |  waits  --> for tasks: here, and the buffer is recorded every so often
//!             |             for anything else: record, give the slot back, park
//!             |               `--settled--> claimed again --> goes on
//!             |               `--park time over--> leaves memory; replayed when claimed
//!             `- returns --> record the end
//! ```
//!
//! Invariant: nothing leaves the process before what led to it is recorded. What a flow has
//! asked for may be buffered while it computes, because a flow has no outside; the same holds
//! for a task until its first call to the outside, which is held until then.

mod alone;
mod around;
mod caching;
mod claiming;
mod config;
mod driver;
mod executing;
mod execution;
mod first_record;
mod guarded;
mod guardian;
mod heartbeat;
mod heavy;
mod logs;
mod panics;
mod parking;
mod port;
mod replay;
mod shared;
mod shutdown;
mod signals;
mod starting;
mod sweep;
mod tasks;
#[cfg(test)]
mod testing;
mod usage;

pub use alone::{LeaseText, MEMORY_PARTS, Program, Word, execute_one};
pub use claiming::{Registered, register, serve};
pub use config::WorkerConfig;
pub use guardian::Guardian;
pub use replay::{Replayed, replay};
pub use shutdown::{Shutdown, ShutdownHandle, Urgency};
pub use usage::usage;

use model::WorkerId;
use store::{Missing, StoreError};

/// Why a worker stopped without being told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("worker {0} was given up by the others: its lease ended before it was renewed")]
    LeaseLost(WorkerId),
    #[error(transparent)]
    Store(StoreError),
    /// The host is at fault.
    #[error("orch-host panicked: {0}")]
    Panicked(String),
}

impl From<StoreError> for WorkerError {
    /// Whatever this worker asks for first after it was given up finds that it is not there.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(Missing::Worker(worker)) => Self::LeaseLost(worker),
            error => Self::Store(error),
        }
    }
}
