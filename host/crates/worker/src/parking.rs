//! Flows that wait in memory, until they are claimed again or their park time ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use model::{Lease, RunId};

/// What a parked run needs to go on: a new lease and a slot.
pub(super) struct Resumption {
    pub lease: Lease,
    pub slot: OwnedSemaphorePermit,
    /// Whether it was claimed to be cancelled.
    pub cancelling: bool,
}

/// The flows that are parked in this process.
#[derive(Default)]
pub(super) struct Parking {
    parked: Mutex<Lot>,
}

#[derive(Default)]
struct Lot {
    runs: HashMap<RunId, Parked>,
    /// In the order in which they were parked.
    order: BTreeMap<u64, RunId>,
    next: u64,
}

struct Parked {
    place: u64,
    epoch: u64,
    resume: oneshot::Sender<Resumption>,
}

impl Lot {
    fn take(&mut self, run: RunId) -> Option<Parked> {
        let parked = self.runs.remove(&run)?;
        self.order.remove(&parked.place);
        Some(parked)
    }
}

impl Parking {
    /// Parks a run that waits under this lease. What comes out is its resumption, or an
    /// error if it is to leave memory.
    pub fn park(&self, lease: Lease) -> oneshot::Receiver<Resumption> {
        let (resume, resumed) = oneshot::channel();
        let mut lot = self.lock();
        // Never there twice: it parks once an execution.
        lot.take(lease.run);
        let place = lot.next;
        lot.next += 1;
        lot.order.insert(place, lease.run);
        let parked = Parked {
            place,
            epoch: lease.epoch,
            resume,
        };
        lot.runs.insert(lease.run, parked);
        resumed
    }

    /// Hands a run that was claimed again to its parked instance. Gives the slot back if
    /// there is none, or if another worker has executed the run in between: then the
    /// instance in memory is out of date.
    pub fn resume(
        &self,
        lease: Lease,
        cancelling: bool,
        slot: OwnedSemaphorePermit,
    ) -> Result<(), OwnedSemaphorePermit> {
        let Some(parked) = self.lock().take(lease.run) else {
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

    /// Removes a run whose park time is over. Returns whether it was still there: if not, its
    /// resumption is on its way.
    pub fn leave(&self, run: RunId) -> bool {
        self.lock().take(run).is_some()
    }

    /// Sends the run that has waited longest out of memory, because another needs its place.
    pub fn make_room(&self) {
        let mut lot = self.lock();
        if let Some((_, run)) = lot.order.pop_first() {
            lot.runs.remove(&run);
        }
    }

    /// Sends all of them out of memory.
    pub fn clear(&self) {
        let mut lot = self.lock();
        lot.runs.clear();
        lot.order.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lot> {
        self.parked.lock().expect("no panic while parking")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::WorkerId;

    fn lease(run: RunId) -> Lease {
        Lease {
            run,
            worker: WorkerId::generate(),
            epoch: 1,
        }
    }

    #[test]
    fn whoever_has_waited_longest_makes_room() {
        let parking = Parking::default();
        let runs = [(); 3].map(|()| RunId::generate());
        let mut waiting = runs.map(|run| parking.park(lease(run)));
        let mut left = || {
            waiting.each_mut().map(|it| {
                it.try_recv()
                    .is_err_and(|err| err == oneshot::error::TryRecvError::Closed)
            })
        };
        assert_eq!(left(), [false, false, false]);
        assert!(parking.leave(runs[0]));
        parking.make_room();
        assert_eq!(left(), [true, true, false]);
        parking.make_room();
        parking.make_room();
        assert_eq!(left(), [true, true, true]);
        assert!(!parking.leave(runs[2]));
    }
}
