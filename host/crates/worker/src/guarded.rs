//! An execution that nobody loses: it is known here for as long as it lasts, and a panic of the
//! host in it ends its run, and nothing else.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::error;

use super::execution::{self, Stop};
use super::panics::message_of;
use super::shared::Shared;
use model::{Lease, RunId, RunName};
use store::Claimed;

/// Executes a claimed run until it ends or leaves memory.
pub(super) async fn execute(
    shared: Arc<Shared>,
    claimed: Claimed,
    slot: OwnedSemaphorePermit,
) -> Stop {
    let (lease, name) = (claimed.lease, claimed.run.name.clone());
    // In a box: what an execution keeps between its steps is large, and is moved a few times.
    let execution = Box::pin(execution::execute(Arc::clone(&shared), claimed, slot));
    guarded(shared, lease, name, execution).await
}

/// The same of any future that executes the run of this lease.
pub(super) async fn guarded(
    shared: Arc<Shared>,
    lease: Lease,
    name: RunName,
    execution: impl Future<Output = Stop>,
) -> Stop {
    let here = Here::enter(shared, lease);
    let executed = AssertUnwindSafe(execution).catch_unwind().await;
    match executed {
        Ok(stop) => stop,
        Err(panic) => {
            let why = message_of(&*panic);
            error!(run = %lease.run, %name, why, "the execution of a run has panicked");
            let message = format!("orch-host panicked while it executed the run: {why}");
            execution::end_as_crashed(&*here.shared.store, here.lease(), &name, message).await
        }
    }
}

/// Says that a run is executed in this process, until it is dropped.
struct Here {
    shared: Arc<Shared>,
    run: RunId,
    first: Lease,
}

impl Here {
    fn enter(shared: Arc<Shared>, lease: Lease) -> Self {
        shared.executing.enter(lease);
        Self {
            shared,
            run: lease.run,
            first: lease,
        }
    }

    /// The one that it is executed under by now.
    fn lease(&self) -> Lease {
        let lease = self.shared.executing.lease(self.run);
        lease.unwrap_or(self.first)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.shared.executing.leave(self.run);
    }
}
