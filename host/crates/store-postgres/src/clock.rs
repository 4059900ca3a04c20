//! The time of the database.

use std::sync::Mutex;
use std::time::Instant;

use crate::error::Pg;
use crate::sql::{Conn, params};
use model::Timestamp;
use store::Clock;

/// What the clock of the database showed, and how long ago by the clock of this process that only
/// goes forward. So the time of a machine may be wrong, and jump.
#[derive(Debug)]
pub(crate) struct DatabaseClock(Mutex<(Timestamp, Instant)>);

impl Default for DatabaseClock {
    fn default() -> Self {
        Self(Mutex::new((Timestamp(0), Instant::now())))
    }
}

impl DatabaseClock {
    /// Asks the database. The answer is as old as half of the way there and back.
    pub(crate) async fn set(&self, conn: &impl Conn) -> Pg<()> {
        let begun = Instant::now();
        let micros: i64 = conn
            .need(
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
                params![],
                |row| row.get(0),
            )
            .await?;
        let known = (Timestamp(micros), begun + begun.elapsed() / 2);
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = known;
        Ok(())
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let known = self.0.lock();
        let (at, since) = *known.unwrap_or_else(std::sync::PoisonError::into_inner);
        at.after(since.elapsed())
    }
}
