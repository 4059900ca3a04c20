//! A run that may be what ends its workers is executed in a process of its own, beside a worker
//! that watches it.
//!
//! ```text
//! worker: claim, lease, heartbeats, orders to stop
//!    |  starts its own program with the lease          what it says, a word a line
//!    +--------------------------> process of the run --beat, beat, .. ended | left | failed--> worker
//!                                   the same settings; no lease of its own
//! ```
//!
//! The process records under the lease of its worker. If it ends without having said how, or falls
//! silent for as long as a lease lasts, while its worker goes on, then the run was *lost alone*:
//! nothing else can be to blame. If both vanish together, nobody is left to say so, and the run is
//! given back like every other run of a lost worker.
//!
//! The process dies with its worker, since the kernel kills it then. Its guests have a part of the
//! memory that all guests of the worker have together, which the worker sets aside for it.

mod lease;
mod process;
mod watching;
mod word;
mod working;

/// In how many parts the memory of all guests is divided: a run that is executed alone has one.
pub const MEMORY_PARTS: usize = 4;

pub use lease::LeaseText;
pub use process::Program;
pub use word::Word;
pub use working::execute_one;

pub(super) use watching::execute;
