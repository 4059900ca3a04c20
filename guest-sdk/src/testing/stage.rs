//! The thread of a test while a flow runs on it.

use std::rc::Rc;

use super::world::World;
use crate::{
    current::{self, Apart, Place},
    host::{Host, native},
    logger, task,
};

/// Until it is dropped, this thread's calls are answered by a world, and its code is in a flow.
pub(super) struct Stage {
    before: Option<Rc<dyn Host>>,
    _apart: Apart,
}

impl Stage {
    pub fn enter(world: &Rc<World>) -> Self {
        logger::install_log();
        world.begin();
        // What a flow has left behind that panicked.
        task::forget_detached();
        Self {
            before: native::replace(Some(Rc::clone(world) as Rc<dyn Host>)),
            _apart: current::apart(Place::Flow),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        native::replace(self.before.take());
    }
}
