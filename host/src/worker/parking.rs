//! Flows that wait in memory, until they are claimed again or their park time ends.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::model::{Lease, RunId};

/// The right to go on: a new lease, and a slot.
pub(super) struct Resumption {
    pub lease: Lease,
    pub slot: OwnedSemaphorePermit,
    /// Whether it was claimed to be cancelled.
    pub cancelling: bool,
}

/// The flows that are parked in this process.
#[derive(Default)]
pub(super) struct Parking {
    parked: Mutex<HashMap<RunId, Parked>>,
}

struct Parked {
    epoch: u64,
    resume: oneshot::Sender<Resumption>,
}

impl Parking {
    /// Parks a run that waits under this lease. What comes out is its resumption, or an
    /// error if it is to leave memory.
    pub fn park(&self, lease: Lease) -> oneshot::Receiver<Resumption> {
        let (resume, resumed) = oneshot::channel();
        let parked = Parked {
            epoch: lease.epoch,
            resume,
        };
        self.lock().insert(lease.run, parked);
        resumed
    }

    /// Hands a run that was claimed again to its parked instance. Gives the slot back if
    /// there is none, or if somebody else has executed the run in between: then what is in
    /// memory is out of date.
    pub fn resume(
        &self,
        lease: Lease,
        cancelling: bool,
        slot: OwnedSemaphorePermit,
    ) -> Result<(), OwnedSemaphorePermit> {
        let Some(parked) = self.lock().remove(&lease.run) else {
            return Err(slot);
        };
        if parked.epoch + 1 != lease.epoch {
            return Err(slot);
        }
        let resumption = Resumption {
            lease,
            slot,
            cancelling,
        };
        parked.resume.send(resumption).map_err(|back| back.slot)
    }

    /// Takes a run out whose park time is over. Whether it was still there: if not, its
    /// resumption is on its way.
    pub fn leave(&self, run: RunId) -> bool {
        self.lock().remove(&run).is_some()
    }

    /// Sends all of them out of memory.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Parked>> {
        self.parked.lock().expect("no panic while parking")
    }
}
