//! A worker.

use super::driver::Execution;
use crate::Claimed;
use model::{QueueName, Timestamp, WorkerId};

/// A worker, as far as it is in memory.
pub(super) struct Hand {
    pub(super) id: WorkerId,
    pub(super) lease_until: Timestamp,
    pub(super) claimed: Vec<Claimed>,
    pub(super) running: Vec<Execution>,
    /// Wait in memory without a slot.
    pub(super) parked: Vec<Execution>,
    /// The queues that it serves: all, if none is named.
    pub(super) queues: Vec<QueueName>,
    /// Fell asleep and does not renew its lease, but will go on.
    pub(super) renews: bool,
}
