//! The clock of stored times.
//!
//! One machine has the database, so its clock is the one that all processes share.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;
use store::Clock;

#[derive(Debug)]
pub(crate) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(0).after(since)
    }
}
