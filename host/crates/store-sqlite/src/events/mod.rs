//! The stream of events.
//!
//! The writer adds a row of [changes](store::changes) in the transaction that it tells of, and
//! rows are numbered in the order of the commits.
//!
//! A commit that needs no sync of its own (a claim) may be lost to a power failure after
//! somebody has read its row. Its number is given again then, but with the tag of another
//! opening of the database. A cursor to the lost row is refused by that.

mod adding;
mod reading;

pub(super) use adding::{EVENTS_BYTES_MAX, EventWriter};
pub(super) use reading::{newest, page, page_before, run_facts};
