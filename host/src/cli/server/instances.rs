//! What the server asks of the engine of this process: how many instances are alive.

use std::sync::Arc;

use server::{Instances, Use};
use wasm::Runtime;

pub struct InstancesOf(pub Arc<Runtime>);

impl Instances for InstancesOf {
    fn flows(&self) -> Use {
        of(self.0.instances().flows, self.0.room().flows)
    }

    fn tasks(&self) -> Use {
        of(self.0.instances().tasks, self.0.room().tasks)
    }
}

fn of(used: usize, room: usize) -> Use {
    Use {
        used: used as u64,
        room: room as u64,
    }
}
