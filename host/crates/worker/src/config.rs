//! The settings of a worker.

use std::sync::Arc;
use std::time::Duration;

use super::Program;
use blobs::Storage;
use model::{PoolName, QueueName, WorkerId};
use operations::FreshIds;
use vault::Keys;

#[derive(Clone, Debug)]
pub struct WorkerConfig {
    pub id: WorkerId,
    pub name: String,
    /// The pool to pull from; none: only runs reserved for this worker.
    pub pool: Option<PoolName>,
    /// Only runs of these work queues. None is named: of all.
    pub queues: Vec<QueueName>,
    /// Flow runs executed at once. Runs that wait do not count.
    pub runs_max: u32,
    /// How long a waiting flow keeps its instance in memory.
    pub park: Duration,
    /// How long a cancelled flow may clean up.
    pub clean_up: Duration,
    /// How long its right to its runs lasts without renewal.
    pub lease: Duration,
    /// Must fit three times into `lease`, so that two lost beats are harmless.
    pub heartbeat: Duration,
    /// How to start a process for a run that is to be executed alone. None: it is executed here.
    pub alone: Option<Program>,
    /// Where the key of secrets is. None: it has none.
    pub vault: Option<Arc<Keys>>,
    /// Where blobs are kept. None: in the database.
    pub storage: Option<Storage>,
}

impl WorkerConfig {
    /// The usual worker of a pool.
    pub fn new(name: String, pool: Option<PoolName>) -> Self {
        Self {
            id: WorkerId::new(&mut FreshIds),
            name,
            pool,
            queues: Vec::new(),
            runs_max: 100,
            park: Duration::from_secs(1),
            clean_up: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(5),
            alone: None,
            vault: None,
            storage: None,
        }
    }
}
