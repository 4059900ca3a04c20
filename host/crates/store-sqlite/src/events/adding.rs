//! Adding rows to the stream, and giving up the oldest.

use std::sync::Arc;

use rusqlite::Connection;
use uuid::Uuid;

use crate::sql::{Sql, params};
use store::changes::Changes;
use store::{Clock, StoreError, StoreResult};

/// How much of the stream is kept, in bytes of its rows. A run leaves a few hundred bytes, so
/// this is a million runs or more: hours for a follower to come back in, on a busy machine.
pub(crate) const EVENTS_BYTES_MAX: u64 = 256 << 20;

/// What a row takes besides its changes, roughly.
const ROW_BYTES: u64 = 32;

/// How much is added between two looks at what can be given up. So looking costs nothing.
const LOOK_BYTES: u64 = 1 << 20;

/// Rows that are given up in one commit, at most: so that no write waits for long. More than
/// one commit adds, so the oldest go faster than new ones come.
const PRUNE_MAX: u32 = 200;

/// Adds the rows of one opened database. Owned by its writer.
pub(crate) struct EventWriter {
    pub changes: Changes,
    clock: Arc<dyn Clock>,
    /// Tells rows of this opening from those of others.
    tag: i64,
    bytes_max: u64,
    look_bytes: u64,
    added: u64,
}

impl EventWriter {
    pub(crate) fn new(clock: Arc<dyn Clock>, bytes_max: u64) -> Self {
        // The last eight bytes of a UUID of version 7 are random, but for two bits.
        let (_, random) = Uuid::now_v7().as_u64_pair();
        Self {
            changes: Changes::default(),
            clock,
            tag: random.cast_signed(),
            bytes_max,
            look_bytes: LOOK_BYTES.min(bytes_max / 4),
            added: 0,
        }
    }

    /// Adds the rows of this transaction, of which there is one unless it changes very much.
    /// Whether there is anything to tell of.
    pub(crate) fn add(&mut self, conn: &Connection) -> StoreResult<bool> {
        if self.changes.has_failed() {
            let why = "a change could not be written as an event";
            return Err(StoreError::Refused(why.to_owned()));
        }
        let (before, now) = (self.added, self.clock.now());
        self.changes.rows(|row| {
            let bytes = row.len() as u64 + ROW_BYTES;
            self.added += bytes;
            conn.run(
                "INSERT INTO events (at, tag, total, changes)
                 VALUES (?1, ?2, ?3 + (SELECT total FROM events ORDER BY no DESC LIMIT 1), ?4)",
                params![now, self.tag, bytes, row],
            )
            .map(|_| ())
        })?;
        let is_any = self.added > before;
        if self.added >= self.look_bytes {
            self.prune(conn)?;
        }
        Ok(is_any)
    }

    /// Gives up the oldest rows, a few at a time, while there is too much.
    fn prune(&mut self, conn: &Connection) -> StoreResult<()> {
        let total: i64 = conn.need(
            "SELECT total FROM events ORDER BY no DESC LIMIT 1",
            [],
            |row| row.get(0),
        )?;
        // The newest row always stays: its number is what the next one is counted from.
        let end = total.saturating_sub_unsigned(self.bytes_max.max(1));
        let mut oldest: Vec<(i64, i64)> = conn.all(
            "SELECT no, total FROM events ORDER BY no LIMIT ?1",
            [PRUNE_MAX],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        oldest.retain(|(_, total)| *total <= end);
        if let Some((no, _)) = oldest.last() {
            conn.run("DELETE FROM events WHERE no <= ?1", [*no])?;
        }
        if oldest.len() < PRUNE_MAX as usize {
            self.added = 0;
        }
        Ok(())
    }
}
