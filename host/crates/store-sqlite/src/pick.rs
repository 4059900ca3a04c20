//! Where the database chooses among many rows. What becomes of what it has chosen is decided
//! by the lifecycle.
//!
//! The rules, which the contract holds:
//!
//! - ready: the runs that are reserved for the worker, at any time, the longest ready first; of
//!   its pool, the runs that are not reserved, as far as the pool and their queues have room, in
//!   the order of [`lifecycle::choose`].
//! - due: a call whose time has come and that has not settled, the earliest first.
//! - a family: a run and all that have it above them as parents, except what is over.
//!   Subflows are passed through.
//! - of a worker: what it has under lease or reserved, except what is over.
//! - orders: what a worker has under lease and a person has paused or cancelled.

use rusqlite::Connection;

use super::load::{head, select_head};
use super::permits;
use super::pools;
use super::queues::{self, PoolQueues};
use super::rows::unsigned;
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{Claim, Lease, PoolName, RunId, Seq, StateType, Timestamp, WorkerId};
use orchestrator::lifecycle::{self, Head, Lane, LineKey, RunKey};
use store::StoreResult;

/// Whether a claim would give anything: asked of a reader, so that looking in vain costs no
/// write.
pub(super) fn is_claimable(conn: &Connection, claim: &Claim) -> StoreResult<bool> {
    if claim.count == 0 {
        return Ok(false);
    }
    if conn.any(
        "SELECT 1 FROM flow_runs WHERE reserved_for = ?1 AND ended IS NULL AND ready_at <= ?2",
        params![claim.worker, claim.now],
    )? {
        return Ok(true);
    }
    match &claim.pool {
        Some(pool) => Ok(!open(conn, claim, pool, 1)?.lanes.is_empty()),
        None => Ok(false),
    }
}

/// Runs that are ready for this worker.
pub(super) fn ready(tx: &Tx<'_>, claim: &Claim) -> StoreResult<Vec<RunKey>> {
    let mut ready = reserved(tx, claim)?;
    if let Some(pool) = &claim.pool {
        let wanted = claim.count.saturating_sub(ready.len() as u32);
        ready.append(&mut ready_in_pool(tx, claim, pool, wanted)?);
    }
    Ok(ready)
}

fn reserved(conn: &Connection, claim: &Claim) -> StoreResult<Vec<RunKey>> {
    conn.all(
        "SELECT no FROM flow_runs
         WHERE reserved_for = ?1 AND ended IS NULL AND ready_at <= ?2
         ORDER BY ready_at LIMIT ?3",
        params![claim.worker, claim.now, claim.count],
        |row| row.get(0),
    )
}

/// The lines of a pool that have runs that are ready, and that have room.
struct Open {
    lanes: Vec<Lane>,
    /// How many runs may start.
    room: u32,
    /// How many were started before, where there was a choice.
    starts: u64,
}

/// Errs if the pool does not exist.
fn open(conn: &Connection, claim: &Claim, name: &PoolName, wanted: u32) -> StoreResult<Open> {
    let PoolQueues {
        pool,
        starts,
        queues,
    } = queues::of_pool(conn, name)?;
    let room = lifecycle::room(&pool, wanted, || pools::active(conn, name))?;
    let lanes = if room > 0 {
        let due = due_lines(conn, name, claim.now)?;
        lifecycle::lanes(&due, &queues, &claim.queues, room)
    } else {
        Vec::new()
    };
    Ok(Open {
        lanes,
        room,
        starts,
    })
}

/// The lines of a pool, each found by one look into the index.
macro_rules! lines {
    () => {
        "WITH RECURSIVE lines (line) AS (
             SELECT min(line) FROM flow_runs
             WHERE pool = ?1 AND reserved_for IS NULL AND ready_at IS NOT NULL
             UNION ALL
             SELECT (
                 SELECT min(r.line) FROM flow_runs r
                 WHERE r.pool = ?1 AND r.reserved_for IS NULL AND r.ready_at IS NOT NULL
                   AND r.line > lines.line
             ) FROM lines WHERE lines.line IS NOT NULL
         ) "
    };
}

fn due_lines(conn: &Connection, pool: &PoolName, now: Timestamp) -> StoreResult<Vec<LineKey>> {
    conn.all(
        concat!(
            lines!(),
            "SELECT line FROM lines WHERE line IS NOT NULL AND EXISTS (
                 SELECT 1 FROM flow_runs r
                 WHERE r.pool = ?1 AND r.line = lines.line AND r.reserved_for IS NULL
                   AND r.ready_at IS NOT NULL AND r.ready_at <= ?2
             )"
        ),
        params![pool, now],
        |row| row.get(0),
    )
}

fn ready_in_pool(
    tx: &Tx<'_>,
    claim: &Claim,
    pool: &PoolName,
    wanted: u32,
) -> StoreResult<Vec<RunKey>> {
    let Open {
        lanes,
        room,
        starts,
    } = open(tx, claim, pool, wanted)?;
    let mut ready = Vec::new();
    for lane in &lanes {
        ready.push(ready_in_line(tx, claim, pool, lane)?);
    }
    if let [only] = &mut ready[..] {
        return Ok(std::mem::take(only)
            .into_iter()
            .map(|(key, _)| key)
            .collect());
    }
    let since = ready
        .iter()
        .map(|runs| runs.iter().map(|(_, at)| *at).collect());
    let since: Vec<Vec<Timestamp>> = since.collect();
    let taken = lifecycle::choose(&lanes, &since, room, starts);
    let chosen = ready.into_iter().zip(taken);
    let chosen: Vec<RunKey> = chosen
        .flat_map(|(runs, taken)| runs.into_iter().take(taken as usize))
        .map(|(key, _)| key)
        .collect();
    if !chosen.is_empty() {
        tx.run(
            "UPDATE pools SET starts = starts + ?2 WHERE name = ?1",
            params![pool, chosen.len() as i64],
        )?;
    }
    Ok(chosen)
}

/// The runs that a line may give, the longest ready first.
fn ready_in_line(
    conn: &Connection,
    claim: &Claim,
    pool: &PoolName,
    lane: &Lane,
) -> StoreResult<Vec<(RunKey, Timestamp)>> {
    conn.all(
        "SELECT no, ready_at FROM flow_runs
         WHERE pool = ?1 AND line = ?2 AND reserved_for IS NULL AND ready_at IS NOT NULL
           AND ready_at <= ?3
         ORDER BY ready_at, no LIMIT ?4",
        params![pool, lane.line, claim.now, lane.room],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The run and everything below it that has not ended, from the top. Subflows are passed
/// through: they end with the run around them, but may have started others.
pub(super) fn family(conn: &Connection, id: RunId) -> StoreResult<Vec<Head>> {
    conn.all(
        select_head!(
            "JOIN (
                 WITH RECURSIVE family (no, id, depth) AS (
                     SELECT no, id, 0 FROM flow_runs WHERE id = ?1
                     UNION
                     SELECT r.no, r.id, f.depth + 1 FROM family f
                     JOIN flow_run_specs s ON s.parent = f.id
                     JOIN flow_runs r ON r.no = s.no
                 )
                 SELECT no, depth FROM family
             ) f ON f.no = r.no
             JOIN flow_run_specs s ON s.no = r.no
             WHERE r.ended IS NULL AND s.within IS NULL ORDER BY f.depth, r.no"
        ),
        [id],
        head,
    )
}

/// Runs that a worker has claimed, or had reserved for itself, with how many of their calls have
/// outcomes.
pub(super) fn of_worker(conn: &Connection, worker: WorkerId) -> StoreResult<Vec<(Head, u64)>> {
    // Pool by pool, since that is how the index is ordered: a pool may have very many runs
    // that nobody has claimed. A cross join is done in the order it is written in.
    conn.all(
        select_head!(
            ", (SELECT count(settled_at) FROM journal WHERE run = r.no)",
            "WHERE r.no IN (
                 SELECT c.no FROM pools p CROSS JOIN flow_runs c
                 WHERE c.pool = p.name AND c.worker = ?1 AND c.ended IS NULL
                 UNION
                 SELECT no FROM flow_runs WHERE reserved_for = ?1 AND ended IS NULL
             ) ORDER BY r.no"
        ),
        [worker],
        |row| Ok((head(row)?, unsigned(row, 17)?)),
    )
}

/// The run of a lease, with how many of its calls have outcomes. Nothing, if it is not leased so.
pub(super) fn leased(conn: &Connection, lease: Lease) -> StoreResult<Option<(Head, u64)>> {
    conn.first(
        select_head!(
            ", (SELECT count(settled_at) FROM journal WHERE run = r.no)",
            "WHERE r.id = ?1 AND r.worker = ?2 AND r.epoch = ?3 AND r.ended IS NULL"
        ),
        params![lease.run, lease.worker, lease.epoch],
        |row| Ok((head(row)?, unsigned(row, 17)?)),
    )
}

/// What a worker has claimed and not left.
pub(super) fn leases(conn: &Connection, worker: WorkerId) -> StoreResult<Vec<Lease>> {
    conn.all(
        "SELECT c.id, c.epoch FROM pools p CROSS JOIN flow_runs c
         WHERE c.pool = p.name AND c.worker = ?1 AND c.ended IS NULL",
        [worker],
        |row| {
            Ok(Lease {
                run: row.get(0)?,
                worker,
                epoch: unsigned(row, 1)?,
            })
        },
    )
}

/// The leased runs whose worker is to hear of it.
pub(super) fn orders(conn: &Connection, worker: WorkerId) -> StoreResult<Vec<(RunId, StateType)>> {
    conn.all(
        "SELECT id, state FROM flow_runs WHERE worker = ?1 AND worker IS NOT NULL
             AND state IN ('CANCELLING', 'PAUSED')",
        [worker],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// A call whose time has come.
pub(super) struct DueCall {
    pub run: RunKey,
    pub seq: Seq,
    pub at: Timestamp,
    pub is_input: bool,
}

/// Calls that are due, the earliest first.
pub(super) fn due(conn: &Connection, now: Timestamp, count: u32) -> StoreResult<Vec<DueCall>> {
    conn.all(
        "SELECT run, seq, due_at,
             EXISTS (SELECT 1 FROM inputs i WHERE i.run = journal.run AND i.seq = journal.seq)
         FROM journal
         WHERE due_at IS NOT NULL AND settled_at IS NULL AND due_at <= ?1
         ORDER BY due_at LIMIT ?2",
        params![now, count],
        |row| {
            Ok(DueCall {
                run: row.get(0)?,
                seq: row.get(1)?,
                at: row.get(2)?,
                is_input: row.get(3)?,
            })
        },
    )
}

/// Whether a timer is due. Asked of a reader, so that looking in vain costs no write.
pub(super) fn is_due(conn: &Connection, now: Timestamp) -> StoreResult<bool> {
    let next = next_timer(conn)?
        .into_iter()
        .chain(permits::next_lapse(conn)?);
    Ok(next.min().is_some_and(|due| due <= now))
}

/// When the next call is due, or the next run of the pool (of any pool if none is named).
pub(super) fn next_due(
    conn: &Connection,
    pool: Option<&PoolName>,
    now: Timestamp,
) -> StoreResult<Option<Timestamp>> {
    let in_pool = |pool: &PoolName| -> StoreResult<Option<Timestamp>> {
        conn.need(
            concat!(
                lines!(),
                "SELECT min((
                     SELECT min(r.ready_at) FROM flow_runs r
                     WHERE r.pool = ?1 AND r.line = lines.line AND r.reserved_for IS NULL
                       AND r.ready_at IS NOT NULL AND r.ready_at > ?2
                 )) FROM lines WHERE line IS NOT NULL"
            ),
            params![pool, now],
            |row| row.get(0),
        )
    };
    let mut times = vec![
        next_timer(conn)?,
        next_reserved(conn, now)?,
        permits::next_lapse(conn)?,
    ];
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
