//! Timers and other times, and what is due when.

use rusqlite::Connection;

use super::ending::settle;
use super::inputs;
use super::rows::RunNo;
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{PoolName, Seq, Settlement, Timestamp};
use store::StoreResult;

/// Whether a timer is due. Asked of a reader, so that looking in vain costs no write.
pub(super) fn is_due(conn: &Connection, now: Timestamp) -> StoreResult<bool> {
    Ok(next_timer(conn)?.is_some_and(|due| due <= now))
}

pub(super) fn settle_due(tx: &Tx<'_>, now: Timestamp, count: u32) -> StoreResult<u32> {
    let due: Vec<(RunNo, Seq, Timestamp, bool)> = tx.all(
        "SELECT run, seq, due_at,
             EXISTS (SELECT 1 FROM inputs i WHERE i.run = journal.run AND i.seq = journal.seq)
         FROM journal
         WHERE due_at IS NOT NULL AND settled_at IS NULL AND due_at <= ?1
         ORDER BY due_at LIMIT ?2",
        params![now, count],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    for (run, seq, at, is_input) in &due {
        let settlement = match is_input {
            true => inputs::timed_out(),
            false => Settlement::Timer,
        };
        // At its own time, however late it is noticed: so timers settle in their order.
        settle(tx, *run, *seq, *at, &settlement)?;
    }
    if !due.is_empty() {
        tx.tell_ready();
    }
    Ok(due.len() as u32)
}

pub(super) fn next(
    conn: &Connection,
    pool: Option<&PoolName>,
    now: Timestamp,
) -> StoreResult<Option<Timestamp>> {
    let in_pool = |pool: &PoolName| -> StoreResult<Option<Timestamp>> {
        conn.need(
            "SELECT min(ready_at) FROM flow_runs
             WHERE pool = ?1 AND reserved_for IS NULL AND ready_at IS NOT NULL
               AND ready_at > ?2",
            params![pool, now],
            |row| row.get(0),
        )
    };
    let mut times = vec![next_timer(conn)?, next_reserved(conn, now)?];
    match pool {
        Some(pool) => times.push(in_pool(pool)?),
        None => {
            let pools: Vec<PoolName> = conn.all("SELECT name FROM pools", [], |row| row.get(0))?;
            for pool in &pools {
                times.push(in_pool(pool)?);
            }
        }
    }
    Ok(times.into_iter().flatten().min())
}

fn next_timer(conn: &Connection) -> StoreResult<Option<Timestamp>> {
    conn.first(
        "SELECT due_at FROM journal WHERE due_at IS NOT NULL AND settled_at IS NULL
         ORDER BY due_at LIMIT 1",
        [],
        |row| row.get(0),
    )
}

/// Few runs are reserved, each by a process that waits for it.
fn next_reserved(conn: &Connection, now: Timestamp) -> StoreResult<Option<Timestamp>> {
    conn.need(
        "SELECT min(ready_at) FROM flow_runs INDEXED BY flow_runs_reserved
         WHERE reserved_for IS NOT NULL AND ended IS NULL AND ready_at > ?1",
        [now],
        |row| row.get(0),
    )
}
