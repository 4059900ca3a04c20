//! The clock of a store in a simulation.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::Clock;
use crate::contract::cast::at;
use model::Timestamp;

/// Shows the time of the simulation that uses the store.
#[derive(Debug)]
pub(super) struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub fn new() -> Self {
        Self(AtomicI64::new(at(0).0))
    }

    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
