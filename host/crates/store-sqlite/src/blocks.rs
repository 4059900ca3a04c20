//! What is in each block of runs, so that a listing passes over blocks without what it wants.
//!
//! ```text
//! block 0          block 1          block 2
//! 1 .. 1023        1024 .. 2047     2048 ..         runs, by number
//! 02:00 - 02:07    02:06 - 02:31    not summed up   when they were created
//! etl, load        etl                              what they are of
//! ```
//!
//! An index of every run by its flow and deployment costs a tenth of what the writer does for a
//! run, one of blocks a hundredth: a block is summed up once, by the run that begins the next
//! one. What is summed up of a run never changes. A block may have lost runs since, which only
//! means that it is looked through in vain.

use rusqlite::Connection;

use super::columns::AsJson;
use super::sql::{Sql, params};
use super::writer::Tx;
use model::Timestamp;
use orchestrator::lifecycle::{OriginKey, RunKey};
use store::StoreResult;

/// Runs of a block, by number. The migration that made the first blocks knows it, too.
const BLOCK: i64 = 1024;

/// A run of this number was created. If it begins a block, the one before is summed up.
pub(super) fn reached(tx: &Tx<'_>, run: RunKey) -> StoreResult<()> {
    if run.0 % BLOCK != 0 {
        return Ok(());
    }
    let block = run.0 / BLOCK - 1;
    let numbers = params![block, block * BLOCK, run];
    tx.run(
        "INSERT OR REPLACE INTO run_blocks (no, first, last)
         SELECT ?1, min(created), max(created) FROM flow_run_specs WHERE no >= ?2 AND no < ?3
         HAVING count(*) > 0",
        numbers,
    )?;
    tx.run(
        "INSERT OR IGNORE INTO run_block_origins (origin, block)
         SELECT o.no, ?1 FROM (
             SELECT DISTINCT flow, deployment FROM flow_run_specs WHERE no >= ?2 AND no < ?3
         ) s JOIN run_origins o
             ON o.flow = s.flow AND coalesce(o.deployment, '') = coalesce(s.deployment, '')",
        numbers,
    )?;
    Ok(())
}

/// What is wanted of a block. A field that is `None` does not restrict.
#[derive(Default)]
pub(super) struct Wanted {
    /// Runs of any of these.
    pub origins: Option<Vec<OriginKey>>,
    /// Runs created then or later.
    pub since: Option<Timestamp>,
    /// Runs created earlier.
    pub until: Option<Timestamp>,
}

/// The numbers of the runs that may be wanted, up to `newest`: ranges in rising order.
pub(super) fn ranges(
    conn: &Connection,
    wanted: &Wanted,
    newest: i64,
) -> StoreResult<Vec<(i64, i64)>> {
    let origins = wanted.origins.as_ref();
    let origins = origins.map(|all| AsJson(all.iter().map(|it| it.0).collect::<Vec<_>>()));
    let blocks: Vec<(i64, bool)> = conn.all(
        "SELECT b.no, b.last >= ?1 AND b.first < ?2 AND (?3 IS NULL OR b.no IN (
             SELECT block FROM run_block_origins
             WHERE origin IN (SELECT value FROM json_each(?3))
         ))
         FROM run_blocks b ORDER BY b.no",
        params![
            wanted.since.unwrap_or(Timestamp(i64::MIN)),
            wanted.until.unwrap_or(Timestamp(i64::MAX)),
            origins
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    let mut add = |low: i64, high: i64| match ranges.last_mut() {
        _ if low > high => {}
        Some(last) if last.1 + 1 == low => last.1 = high,
        _ => ranges.push((low, high)),
    };
    let mut begin = 1;
    for (block, may_have_some) in blocks {
        let (low, high) = ((block * BLOCK).max(1), (block + 1) * BLOCK - 1);
        // What is not summed up may have anything.
        add(begin, low - 1);
        if may_have_some {
            add(low, high);
        }
        begin = high + 1;
    }
    add(begin, newest);
    Ok(ranges)
}
