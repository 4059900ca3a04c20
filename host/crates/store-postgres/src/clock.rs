//! The time of the database.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::connect::Connector;
use crate::error::Pg;
use crate::sql::{Conn, params};
use model::Timestamp;
use store::Clock;

/// Clocks of two machines run apart by some seconds a day.
const ASKED_EVERY: Duration = Duration::from_mins(1);

/// What the clock of the database showed, and how long ago by the clock of this process that only
/// goes forward. So the time of a machine may be wrong, and jump.
///
/// It is asked for again from time to time. If the database's clock was put back, this one stands
/// still until that has caught up.
#[derive(Debug)]
pub(crate) struct DatabaseClock(Mutex<Known>);

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Timestamp,
    since: Instant,
    /// What was shown before it was asked last.
    least: Timestamp,
}

impl Known {
    fn now(self) -> Timestamp {
        self.at.after(self.since.elapsed()).max(self.least)
    }
}

impl Default for DatabaseClock {
    fn default() -> Self {
        Self(Mutex::new(Known {
            at: Timestamp(0),
            since: Instant::now(),
            least: Timestamp(0),
        }))
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
        self.is(Timestamp(micros), begun + begun.elapsed() / 2);
        Ok(())
    }

    fn is(&self, at: Timestamp, since: Instant) {
        let mut known = self.known();
        let least = known.now();
        let is_first = known.at == Timestamp(0);
        *known = Known {
            at,
            since,
            least: if is_first { at } else { least },
        };
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        self.known().now()
    }
}

/// Asks again for as long as the store is there.
pub(crate) async fn keep_right(clock: Weak<DatabaseClock>, connector: Weak<Connector>) {
    loop {
        tokio::time::sleep(ASKED_EVERY).await;
        let (Some(clock), Some(connector)) = (clock.upgrade(), connector.upgrade()) else {
            return;
        };
        let asked = async { clock.set(&connector.reader().await?).await };
        if let Err(fault) = asked.await {
            tracing::debug!(?fault, "the time of the database is not known anew");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_put_back_stands_still_until_it_has_caught_up() {
        let clock = DatabaseClock::default();
        let hour = Duration::from_hours(1);
        let at = Timestamp(1_000_000_000_000_000);
        clock.is(at, Instant::now());
        let shown = clock.now();
        assert!(shown >= at && shown < at.after(hour));
        // Put back by an hour.
        clock.is(at, Instant::now() + hour);
        let still = clock.now();
        assert!(still >= shown && still < shown.after(hour), "{still:?}");
        // Put forward again, by two.
        clock.is(at.after(hour).after(hour), Instant::now());
        assert!(clock.now() >= at.after(hour).after(hour));
    }
}
