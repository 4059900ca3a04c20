//! Workers, and the leases under which they execute runs.

use serde::{Deserialize, Serialize};

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
    /// None for one from before that was said.
    pub usage: Option<WorkerUsage>,
    pub started: Timestamp,
    pub heartbeat: Timestamp,
    /// When its leases end, unless it renews them.
    pub lease_until: Timestamp,
}

/// What the guests of a worker use and may use, and the process with them, as of its last
/// heartbeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerUsage {
    /// The memory of all guests, with what they make the host hold, in bytes.
    pub memory: Usage,
    /// The most bytes of it that were used at once.
    pub memory_peak: u64,
    /// Instances of flows, in shares of the room for them: a large component takes several.
    pub flows: Usage,
    /// The same of tasks.
    pub tasks: Usage,
    /// Open files and sockets of the process. None where the system does not tell.
    pub descriptors: Option<Usage>,
    /// Threads of the process. None where the system does not tell.
    pub threads: Option<u64>,
}

/// How much is used of something of which there is so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub used: u64,
    pub limit: u64,
}

/// A worker's right to write to one run. It ends when another claim raises the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub run: RunId,
    pub worker: WorkerId,
    pub epoch: u64,
}
