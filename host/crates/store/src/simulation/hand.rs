//! A worker.

use super::driver::Execution;
use crate::Claimed;
use model::{Timestamp, WorkerId};

/// A worker, as far as it is in memory.
pub(super) struct Hand {
    pub(super) id: WorkerId,
    pub(super) lease_until: Timestamp,
    pub(super) claimed: Vec<Claimed>,
    pub(super) running: Vec<Execution>,
    /// Wait in memory without a slot.
    pub(super) parked: Vec<Execution>,
    /// Fell asleep and does not renew its lease, but will go on.
    pub(super) renews: bool,
}
