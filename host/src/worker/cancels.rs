//! Tells executions that their run is to be cancelled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use crate::model::RunId;

/// The executions of this process, by run.
#[derive(Default)]
pub(super) struct Cancels {
    executing: Mutex<HashMap<RunId, watch::Sender<bool>>>,
}

impl Cancels {
    /// An execution begins; `already` if its run is to be cancelled from the start. What
    /// comes out turns true when it is.
    pub fn enter(&self, run: RunId, already: bool) -> watch::Receiver<bool> {
        let (tell, cancel) = watch::channel(already);
        self.lock().insert(run, tell);
        cancel
    }

    pub fn tell(&self, run: RunId) {
        if let Some(tell) = self.lock().get(&run) {
            tell.send_replace(true);
        }
    }

    pub fn leave(&self, run: RunId) {
        self.lock().remove(&run);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<bool>>> {
        self.executing.lock().expect("no panic while telling")
    }
}

/// Returns once it is true; never if nobody can say so any more.
pub(super) async fn until_true(cancel: &mut watch::Receiver<bool>) {
    let told = cancel.wait_for(|cancel| *cancel).await.is_ok();
    if !told {
        std::future::pending().await
    }
}
