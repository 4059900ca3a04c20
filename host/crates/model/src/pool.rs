//! Named queues of runs.

use super::{PoolName, Timestamp};

/// A named queue of runs, from which workers pull.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkPool {
    pub name: PoolName,
    /// Runs executed at once, over all of its workers. None: as many as there is room for.
    pub limit: Option<u32>,
    /// Whether workers leave its runs alone.
    pub paused: bool,
    pub created: Timestamp,
}
