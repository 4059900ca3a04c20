//! How processes learn that there is something new, and what time it is.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use model::Timestamp;

use crate::StoreResult;

/// Tells callers when to look, and by which clock.
pub trait Wakes: Send + Sync + 'static {
    /// Opens a listener. It hears what happens from now on.
    fn listen(&self, topic: Topic) -> StoreResult<Box<dyn Listener>>;

    /// Makes every claim that waits in [`claim_next`](crate::Runs::claim_next) look again:
    /// time has made something ready, or an offer was withdrawn.
    fn look_again(&self);

    /// The clock of all times that are stored. Reading it does no I/O.
    fn clock(&self) -> &Arc<dyn Clock>;
}

/// Tells the time for everything that is stored: of this machine where one machine has the
/// database, of the database where several share it. Two clocks would make a lease end, or a
/// timer go off, at different times for different processes.
pub trait Clock: Debug + Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// Tells when there may be something new. It also returns after a while without cause, so a
/// lost message costs time and nothing else.
#[async_trait]
pub trait Listener: Send + 'static {
    /// Returns once something may have happened since the last return (or since the
    /// listener was made). Cancel safe.
    async fn heard(&mut self);
}

/// What a listener is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Runs that became ready, timers that were set, calls that settled: for workers.
    Ready,
    /// Any change of any run: for commands and pages that follow runs.
    Change,
}
