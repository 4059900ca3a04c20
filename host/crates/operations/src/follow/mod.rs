//! Following a run until it ends: its states, its log, its children, what it waits for.
//!
//! ```text
//! look: the run as it is, its history, its log, what is around it
//!   |
//!   v    events of the run and its family
//! hear --------------------------------------> its new states, as they came
//!   ^                                          lines were added?    read them
//!   |                                          children, inputs?    look at them
//!   +--------- not ended ---------------------- ended?              its last lines, Ended
//! ```
//!
//! The place in the stream is taken before the look, so that nothing falls in between; what is
//! seen twice is known by its line of history or its place in the log. Steps follow what
//! happens to this run and to pools, not what happens elsewhere, and not faster than people
//! can read. Only the end is not waited with.

mod ends;
mod lines;
mod run;
mod stuck;

pub use ends::{End, Ends};
pub use lines::{Line, Lines, Speaker};
pub use run::{Event, Follow, Interest, Place, States};
pub use stuck::{Executes, Stuck, StuckPools};

use model::RunId;
use store::StoreError;

/// Why a run cannot be followed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FollowRefusal {
    #[error("flow run {run} does not exist any more")]
    Gone { run: RunId },
    #[error(transparent)]
    Store(#[from] StoreError),
}
