//! The time of the database.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::connect::Shared;
use crate::error::Pg;
use crate::sql::{Conn, params};
use model::Timestamp;
use store::Clock;

/// How often the database is asked. Less than a worker's lease: what is wrong for longer costs runs.
const ASK_AGAIN: Duration = Duration::from_secs(20);

/// How far off the time has to be to be set again. What an answer takes on its way is no reason, or
/// time would go back now and then.
const WRONG: Duration = Duration::from_millis(250);

/// What the clock of the database showed, and how long ago by the clock of this process that only
/// goes forward. So the time of a machine may be wrong, and jump. That clock may be a little slow or
/// fast, and stands still with a machine that is suspended: so the database is asked again.
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
        self.correct(known);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, (Timestamp, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn correct(&self, (at, since): (Timestamp, Instant)) {
        let mut known = self.known();
        let counted = known.0.after(since.saturating_duration_since(known.1));
        if at.since(counted).max(counted.since(at)) > WRONG {
            *known = (at, since);
        }
    }
}

/// Keeps it right for as long as it is there.
pub(crate) async fn keep(clock: Weak<DatabaseClock>, connector: Shared) {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        let Some(clock) = clock.upgrade() else { return };
        let asked = async { clock.set(&connector.reader().await?).await };
        if let Err(fault) = asked.await {
            tracing::debug!(?fault, "the time of the database is not known");
        }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let (at, since) = *self.known();
        at.after(since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_is_set_and_one_that_is_right_goes_on() {
        let begun = Instant::now();
        let clock = DatabaseClock(Mutex::new((Timestamp::from_millis(5_000), begun)));
        let check = |seconds: u64, at: u64, expect: (u64, u64)| {
            let moment = begun + Duration::from_secs(seconds);
            clock.correct((Timestamp::from_millis(at), moment));
            let since = begun + Duration::from_secs(expect.0);
            assert_eq!(*clock.known(), (Timestamp::from_millis(expect.1), since));
        };
        // Some milliseconds more or less.
        check(10, 15_100, (0, 5_000));
        check(10, 14_900, (0, 5_000));
        // The machine was suspended for a minute; and its clock was too fast.
        check(10, 75_000, (10, 75_000));
        check(20, 84_000, (20, 84_000));
    }
}
