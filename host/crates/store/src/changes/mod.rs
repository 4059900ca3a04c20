//! The stored form of events, which is the same in every engine.
//!
//! ```text
//! statements of a write --> Changes (bytes in memory) --at the end of the batch--> a row
//!                              ^                                                     |
//!                              +-- cut back when a write fails        readers <------+
//! ```
//!
//! The statements note what they change as they go, in the form in which it is stored, so a
//! change costs some bytes and no statement. The engine adds the rows in the transaction that
//! they tell of. So an event is there exactly when its change is.

mod form;
mod noting;
mod reading;

pub use form::VERSION;
pub use noting::{Changes, Whose};
pub use reading::read_row;
