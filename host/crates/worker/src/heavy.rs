//! Work that takes longer than a few milliseconds: on threads of its own, a few at once.

use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

/// Runs what would keep the flows of a thread waiting.
#[derive(Clone)]
pub(super) struct Heavy(Arc<Semaphore>);

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("orch-host panicked while it checked what a flow handed over")]
pub(super) struct Panicked;

impl Default for Heavy {
    /// As much at once as the machine has processors.
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors)))
    }
}

impl Heavy {
    /// Runs the work when there is a thread for it. It goes on if this future is dropped, and
    /// keeps its place until it ends.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|_| Panicked)
    }
}
