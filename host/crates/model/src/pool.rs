//! Named queues of runs.

use super::{PoolName, Timestamp};

/// A named queue of runs, from which workers pull.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkPool {
    pub name: PoolName,
    /// How many runs all workers of the pool together execute at once. None: as many as
    /// they have room for.
    pub limit: Option<u32>,
    /// Whether workers take no runs from it for now.
    pub paused: bool,
    pub created: Timestamp,
}
