//! Those who execute, and their right to.

use super::{PoolName, RunId, Timestamp, WorkerId};

/// A process that claims from one pool and executes.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    pub id: WorkerId,
    pub name: String,
    /// None for a `run` command, which executes only its own run.
    pub pool: Option<PoolName>,
    /// Flow runs executed at once.
    pub limit: u32,
    pub pid: u32,
    pub host: String,
    pub started: Timestamp,
    pub heartbeat: Timestamp,
    /// When its right to what it runs ends, unless it is renewed.
    pub lease_until: Timestamp,
}

/// A worker's right to write to one run. It ends when another claim raises the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub run: RunId,
    pub worker: WorkerId,
    pub epoch: u64,
}
