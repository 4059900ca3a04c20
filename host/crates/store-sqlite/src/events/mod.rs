//! The stream of events.
//!
//! ```text
//! statements of a write --> Changes (bytes in memory) --at the end of the batch--> a row
//!                              ^                                                     |
//!                              +-- cut back when a write fails        readers <------+
//! ```
//!
//! The statements note what they change as they go, in the form in which it is stored, so a
//! change costs some bytes and no statement. The writer adds the row in the transaction that
//! it tells of. So an event is there exactly when its change is, and rows are numbered in the
//! order of the commits.
//!
//! A commit that needs no sync of its own (a claim) may be lost to a power failure after
//! somebody has read its row. Its number is given again then, but with the tag of another
//! opening of the database. A cursor to the lost row is refused by that.

mod adding;
mod changes;
mod form;
mod reading;

pub(super) use adding::{EVENTS_BYTES_MAX, EventWriter};
pub(super) use changes::{Changes, Whose};
#[cfg(test)]
pub(super) use form::VERSION;
pub(super) use reading::{newest, page, page_before, run_facts};
