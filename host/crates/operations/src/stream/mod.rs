//! The stream of events, for many who follow it in one process.
//!
//! ```text
//!          the bell rings
//!               |
//! store --new rows, once--> Hub --who is concerned?--> Topic of everything --> Subscription
//!   ^                        |  \                                              Subscription
//!   |                        |   +-------------------> Topic of one run -----> Subscription
//!   |                     run facts (a bounded cache)                               |
//!   +------ a subscriber that is behind reads for itself, and joins the others -----+
//! ```
//!
//! The hub has one task, which begins with the first subscriber and ends with the last. It
//! reads what is new when the bell rings, decodes it once, and hands the same events to all
//! whom they concern. What is not followed by anybody costs a look into a table.
//!
//! A subscriber begins at a cursor. What lies between that and the hub is read from the store
//! by the subscriber; what comes later is handed to it. A place in the stream tells which
//! events it has had, so there is neither a gap nor a duplicate where both meet. A subscriber
//! that is too slow for what a topic holds goes back to the store in the same way. So memory
//! is bounded however slow subscribers are, and a slow one costs the others nothing.

mod facts;
mod family;
mod hub;
mod subscription;
mod topic;

pub use hub::{Hub, Part, Scope};
pub use subscription::{Heard, Subscription};
pub use topic::{Batch, Told};
