//! What an instance of a flow sees around it, the same on every replay: time, chance, and its
//! run.

use std::sync::atomic::{AtomicI64, Ordering};

use sha2::{Digest as _, Sha256};

use model::{FlowRun, RunId, Timestamp};
use wasm::{FlowClock, RunContext};

/// The journal's clock, readable from the instance.
pub(super) struct JournalClock(AtomicI64);

impl JournalClock {
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl FlowClock for JournalClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Random numbers of a run depend on the run alone, so they are the same on replay.
pub(super) fn seed(run: RunId) -> [u8; 32] {
    Sha256::digest(run.0.as_bytes()).into()
}

/// What a guest can ask about its own run.
pub(super) fn context_of(run: &FlowRun) -> RunContext {
    RunContext {
        run: run.id,
        name: run.name.to_string(),
        flow: run.flow.clone(),
        deployment: run.deployment.clone(),
        parent: run.parent,
        attempt: run.attempt,
        scheduled: run.scheduled,
        parameters: run.parameters.clone(),
        tags: run.tags.clone(),
    }
}
