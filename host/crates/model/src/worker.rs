//! Workers, and the leases under which they execute runs.

use super::{PoolName, RunId, Timestamp, WorkerId};

/// A process that claims runs from one pool and executes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    pub id: WorkerId,
    pub name: String,
    /// The pool. None for a `run` command, which executes only its own run.
    pub pool: Option<PoolName>,
    /// How many flow runs it executes at once.
    pub limit: u32,
    pub pid: u32,
    pub host: String,
    /// Of its program. None for one from before versions were kept.
    pub version: Option<String>,
    pub started: Timestamp,
    pub heartbeat: Timestamp,
    /// When its leases end, unless it renews them.
    pub lease_until: Timestamp,
}

/// A worker's right to write to one run. It ends when another claim raises the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub run: RunId,
    pub worker: WorkerId,
    pub epoch: u64,
}
