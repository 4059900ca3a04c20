//! A worker: claims runs, executes them, parks them while they wait.

mod config;
mod shutdown;

use std::sync::Arc;

use crate::model::WorkerId;
use crate::store::{Store, StoreError};
use crate::wasm::Runtime;

pub use config::WorkerConfig;
pub use shutdown::{Shutdown, ShutdownHandle, Urgency};

/// Serves until it is told to stop: registers, claims and executes runs. Returns how many
/// runs it executed to an end. Errs when it has lost its lease or its database.
pub async fn serve<S: Store>(
    _config: WorkerConfig,
    _store: Arc<S>,
    _runtime: Arc<Runtime>,
    _shutdown: Shutdown,
) -> Result<u64, WorkerError> {
    Ok(0)
}

/// Why a worker stopped without being told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the worker {0} was given up by the others: its lease ended before it was renewed")]
    LeaseLost(WorkerId),
    #[error(transparent)]
    Store(#[from] StoreError),
}
