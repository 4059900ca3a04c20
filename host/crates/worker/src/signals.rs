//! Tells executions that their run is to be paused or cancelled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use model::RunId;
use orchestrator::flow::Signal;

/// The executions of this process, by run.
#[derive(Default)]
pub(super) struct Signals {
    executing: Mutex<HashMap<RunId, watch::Sender<Signal>>>,
}

impl Signals {
    /// Registers an execution that begins with this signal. Returns a receiver of later ones.
    pub fn enter(&self, run: RunId, signal: Signal) -> watch::Receiver<Signal> {
        let (tell, hear) = watch::channel(signal);
        self.lock().insert(run, tell);
        hear
    }

    pub fn tell(&self, run: RunId, signal: Signal) {
        if let Some(tell) = self.lock().get(&run) {
            tell.send_if_modified(|now| {
                let more = signal > *now;
                *now = signal.max(*now);
                more
            });
        }
    }

    pub fn leave(&self, run: RunId) {
        self.lock().remove(&run);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<Signal>>> {
        self.executing.lock().expect("no panic while telling")
    }
}

/// Returns once the signal is at least that strong. Never returns if the sender is gone.
pub(super) async fn at_least(hear: &mut watch::Receiver<Signal>, signal: Signal) {
    let told = hear.wait_for(|now| *now >= signal).await.is_ok();
    if !told {
        std::future::pending().await
    }
}
