//! Which runs this process executes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use model::{Lease, RunId};

/// The runs that this process executes, or has parked.
#[derive(Default)]
pub(super) struct Executing(Mutex<HashMap<RunId, Held>>);

struct Held {
    lease: Lease,
    /// An instance that is out of date may still be on its way out of memory.
    executions: u32,
}

impl Executing {
    pub fn enter(&self, lease: Lease) {
        let mut runs = self.lock();
        let executions = runs.get(&lease.run).map_or(0, |held| held.executions) + 1;
        runs.insert(lease.run, Held { lease, executions });
    }

    /// An execution goes on under a new lease.
    pub fn resumed(&self, lease: Lease) {
        if let Some(held) = self.lock().get_mut(&lease.run) {
            held.lease = lease;
        }
    }

    pub fn leave(&self, run: RunId) {
        let mut runs = self.lock();
        if let Some(held) = runs.get_mut(&run) {
            held.executions -= 1;
            if held.executions == 0 {
                runs.remove(&run);
            }
        }
    }

    pub fn lease(&self, run: RunId) -> Option<Lease> {
        self.lock().get(&run).map(|held| held.lease)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Held>> {
        self.0.lock().expect("no panic while a run is noted")
    }
}
