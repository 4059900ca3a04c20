//! The `Running` state of a run that was claimed, which is not recorded yet.
//!
//! It goes out with the first record of the run. For a flow that computes for long before
//! there is one, it is recorded on its own after [`RECORD_DELAY`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use model::{Lease, State};
use store::{Progress, Store};

const RECORD_DELAY: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub(super) struct FirstRecord(Arc<Mutex<Option<State>>>);

impl FirstRecord {
    pub fn new(running: State) -> Self {
        Self(Arc::new(Mutex::new(Some(running))))
    }

    /// Records it after a while, unless that has been done by then. The lock is held
    /// meanwhile, so that nothing of the run is recorded before it.
    pub async fn record_late(self, store: &dyn Store, lease: Lease) {
        tokio::time::sleep(RECORD_DELAY).await;
        let mut first = self.0.lock().await;
        let Some(running) = first.take() else {
            return;
        };
        let mut progress = Progress::new(lease);
        progress.states.push(running);
        if let Err(err) = store.record(progress).await {
            // The next record of the run fails for the same reason.
            tracing::debug!(run = %lease.run, %err, "the start of a run could not be recorded");
        }
    }

    /// Adds it to a record, unless it is recorded.
    pub async fn add_to(&self, progress: &mut Progress) {
        if let Some(running) = self.0.lock().await.take() {
            progress.states.insert(0, running);
        }
    }
}
