//! Where the database chooses among many rows. What becomes of what it has chosen is decided by the
//! lifecycle.
//!
//! The rules, which the contract holds:
//!
//! - ready: the runs that are reserved for the worker, at any time, the longest ready first; of its
//!   pool, the runs that are not reserved, as far as the pool and their queues have room, in the
//!   order of [`lifecycle::choose`]. What another claims at the same moment is passed over.
//! - due: a call whose time has come and that has not settled, the earliest first.
//! - a family: a run and all that have it above them as parents, except what is over. Subflows are
//!   passed through.
//! - of a worker: what it has under lease or reserved, except what is over.
//! - orders: what a worker has under lease and a person has paused or cancelled.

use super::load::{head, select_head};
use super::rows::{flow_run, flow_run_columns, select_flow_run};
use super::sql::{Conn, Row, params};
use super::{pools, queues, texts, workers};
use crate::columns::{List, Value};
use crate::error::Pg;
use crate::tx::Tx;
use model::{Claim, Lease, PoolName, RunId, Seq, StateType, Timestamp, WorkPool, WorkerId};
use orchestrator::lifecycle::{
    self, Candidate, Head, Lane, LineKey, Losses, Queue, Reached, RunKey, Tally,
};
use store::texts::Stored;

/// Whether a claim would give anything: asked of a reader, so that looking in vain costs no write.
/// A pool that is full, or does not exist, is left to the claim.
pub(crate) async fn is_claimable(conn: &impl Conn, claim: &Claim) -> Pg<bool> {
    if claim.count == 0 {
        return Ok(false);
    }
    let is_reserved_or_lost = conn
        .any(
            "SELECT 1 WHERE EXISTS (
                 SELECT 1 FROM flow_runs
                 WHERE reserved_for = $1 AND ended IS NULL AND ready_at <= $2
             ) OR ($3::text IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pools WHERE name = $3))",
            params![claim.worker, claim.now, claim.pool],
        )
        .await?;
    match &claim.pool {
        _ if is_reserved_or_lost => Ok(true),
        None => Ok(false),
        Some(pool) => {
            let (sql, params) = due_lines(pool, claim.now);
            let due = lines(&conn.query(sql, params).await?)?;
            if due.is_empty() {
                return Ok(false);
            }
            let (sql, params) = queues::asking(pool);
            let rows = conn.query(sql, params).await?;
            let Some(pool) = pools::get(conn, pool).await? else {
                return Ok(true);
            };
            let queues = queues::found(&pool, &rows)?;
            Ok(!lifecycle::lanes(&due, &queues, &claim.queues, 1).is_empty())
        }
    }
}

/// The lines of a pool, each found by one look into the index.
macro_rules! lines {
    () => {
        "WITH RECURSIVE lines (line) AS (
             SELECT min(line) FROM flow_runs
             WHERE pool = $1 AND reserved_for IS NULL AND ready_at IS NOT NULL
             UNION ALL
             SELECT (
                 SELECT min(r.line) FROM flow_runs r
                 WHERE r.pool = $1 AND r.reserved_for IS NULL AND r.ready_at IS NOT NULL
                   AND r.line > lines.line
             ) FROM lines WHERE lines.line IS NOT NULL
         ) "
    };
}

/// Asks for the lines of a pool that have runs that are ready.
fn due_lines(pool: &PoolName, now: Timestamp) -> (&'static str, Vec<Value>) {
    (
        concat!(
            lines!(),
            "SELECT line FROM lines WHERE line IS NOT NULL AND EXISTS (
                 SELECT 1 FROM flow_runs r
                 WHERE r.pool = $1 AND r.line = lines.line AND r.reserved_for IS NULL
                   AND r.ready_at IS NOT NULL AND r.ready_at <= $2
             )"
        ),
        params![pool, now],
    )
}

fn lines(rows: &[Row]) -> Pg<Vec<LineKey>> {
    rows.iter().map(|row| row.get(0)).collect()
}

/// How many runs are to be taken of a line.
struct Share {
    line: LineKey,
    count: u32,
}

/// Runs that are ready for this worker, locked. Errs if the worker was given up: it would hold its
/// runs for ever, for it is not rescued twice.
pub(crate) async fn ready(tx: &Tx, claim: &Claim) -> Pg<Vec<Candidate>> {
    let mut questions = vec![workers::staying(claim.worker)];
    if let Some(pool) = &claim.pool {
        questions.push(pools::staying(pool));
        questions.push(due_lines(pool, claim.now));
        questions.push(queues::asking(pool));
    }
    let answers = tx.questions(questions).await?;
    let rows = |n: usize| answers.get(n).map_or(&[][..], Vec::as_slice);
    workers::found(tx, claim.worker, !rows(0).is_empty())?;
    let shares = match &claim.pool {
        Some(name) => {
            let pool = pools::found(tx, name, rows(1))?;
            let queues = queues::found(&pool, rows(3))?;
            shares(tx, claim, pool, &lines(rows(2))?, queues).await?
        }
        None => Vec::new(),
    };
    locked(tx, claim, &shares).await
}

/// What each line of the pool gives, as far as there is room. A pool and queues with limits are
/// locked, so that nobody else fills the same room.
async fn shares(
    tx: &Tx,
    claim: &Claim,
    mut pool: WorkPool,
    due: &[LineKey],
    mut queues: Vec<Queue>,
) -> Pg<Vec<Share>> {
    let mut active = 0;
    if pool.limit.is_some() {
        pool = pools::need_locked(tx, &pool.name).await?;
        active = pools::active(tx, &pool.name).await?;
    }
    let has_room = |queue: &Queue| queue.room.is_none();
    if !queues.iter().all(has_room) && queues::lock_limited(tx, &pool.name).await? {
        let (sql, params) = queues::asking(&pool.name);
        queues = queues::found(&pool, &tx.query(sql, params).await?)?;
    }
    let room = lifecycle::room(&pool, claim.count, || Ok::<_, crate::error::Fault>(active))?;
    let lanes = lifecycle::lanes(due, &queues, &claim.queues, room);
    if room == 0 || lanes.len() < 2 {
        let only = lanes.first().filter(|_| room > 0);
        return Ok(only
            .map(|lane| Share {
                line: lane.line,
                count: lane.room,
            })
            .into_iter()
            .collect());
    }
    let ready = ready_of(tx, claim, &lanes).await?;
    let starts: u64 = tx
        .need(
            "SELECT starts FROM pools WHERE name = $1",
            params![pool.name],
            |row| row.get(0),
        )
        .await?;
    let taken = lifecycle::choose(&lanes, &ready, room, starts);
    tx.run(
        "UPDATE pools SET starts = starts + $2 WHERE name = $1",
        params![pool.name, i64::from(taken.iter().sum::<u32>())],
    );
    let shares = lanes.iter().zip(taken).filter(|(_, count)| *count > 0);
    Ok(shares
        .map(|(lane, count)| Share {
            line: lane.line,
            count,
        })
        .collect())
}

/// Since when the runs are ready that each line may give.
async fn ready_of(tx: &Tx, claim: &Claim, lanes: &[Lane]) -> Pg<Vec<Vec<Timestamp>>> {
    let lines: Vec<LineKey> = lanes.iter().map(|lane| lane.line).collect();
    let rooms: Vec<i64> = lanes.iter().map(|lane| i64::from(lane.room)).collect();
    let found: Vec<(LineKey, Timestamp)> = tx
        .all(
            "SELECT l.line, f.ready_at
             FROM unnest($3::bigint[], $4::bigint[]) l (line, room)
             CROSS JOIN LATERAL (
                 SELECT ready_at FROM flow_runs
                 WHERE pool = $1 AND line = l.line AND reserved_for IS NULL
                   AND ready_at IS NOT NULL AND ready_at <= $2
                 ORDER BY ready_at, no LIMIT l.room
             ) f ORDER BY l.line, f.ready_at",
            params![claim.pool, claim.now, List(&lines), List(&rooms)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    let mut ready = vec![Vec::new(); lanes.len()];
    for (line, at) in found {
        if let Some(place) = lines.iter().position(|known| *known == line) {
            ready[place].push(at);
        }
    }
    Ok(ready)
}

/// Locks the runs that are reserved for the worker, and those that lines give it. What belongs to a
/// run and never changes is read beside them; what changes is read of the rows themselves, as they
/// are once they are locked.
async fn locked(tx: &Tx, claim: &Claim, shares: &[Share]) -> Pg<Vec<Candidate>> {
    let lines: Vec<LineKey> = shares.iter().map(|share| share.line).collect();
    let counts: Vec<i64> = shares.iter().map(|share| i64::from(share.count)).collect();
    let before = counts.iter().scan(0, |sum, count| {
        let before = *sum;
        *sum += count;
        Some(before)
    });
    let before: Vec<i64> = before.collect();
    let sql = concat!(
        "WITH reserved AS MATERIALIZED (
             SELECT 0 AS place, f.* FROM flow_runs f
             WHERE reserved_for = $1 AND ended IS NULL AND ready_at <= $2
             ORDER BY ready_at LIMIT $3 FOR UPDATE SKIP LOCKED
         ), in_pool AS MATERIALIZED (
             SELECT 1 AS place, f.*
             FROM unnest($5::bigint[], $6::bigint[], $7::bigint[]) l (line, room, before)
             CROSS JOIN LATERAL (
                 SELECT * FROM flow_runs f
                 WHERE f.pool = $4 AND f.line = l.line AND f.reserved_for IS NULL
                   AND f.ready_at IS NOT NULL AND f.ready_at <= $2
                 ORDER BY f.ready_at, f.no
                 LIMIT greatest(least(
                     l.room, $3 - l.before - (SELECT count(*) FROM reserved)), 0)
                 FOR UPDATE OF f SKIP LOCKED
             ) f
         )
         SELECT ",
        flow_run_columns!("s.parameters", "r.outcome"),
        ", r.states, r.journal_len, r.logged, r.crashes, r.lost_attempt, r.lost_steps
         FROM (SELECT * FROM reserved UNION ALL SELECT * FROM in_pool) r
         JOIN flow_run_specs s ON s.no = r.no ORDER BY r.place, r.ready_at, r.no"
    );
    let params = params![
        claim.worker,
        claim.now,
        claim.count,
        claim.pool,
        List(&lines),
        List(&counts),
        List(&before)
    ];
    texts::all(tx, sql, params, candidate).await
}

fn candidate(row: &Row) -> Pg<Stored<Candidate>> {
    let key = row.get(0)?;
    let tally = Tally {
        states: row.get(27)?,
        started: row.get(21)?,
        journal_len: row.get(28)?,
        logged: row.get(29)?,
    };
    let losses = Losses {
        count: row.get(30)?,
        at: Reached {
            attempt: row.get(31)?,
            steps: row.get(32)?,
        },
    };
    Ok(flow_run(row)?.map(|run| Candidate {
        key,
        run,
        tally,
        losses,
    }))
}

/// The run and everything below it that has not ended, from the top, locked. Subflows are passed
/// through: they end with the run around them, but may have started others.
///
/// Whoever is locked starts no child any more. So it is looked again until nobody is new.
pub(crate) async fn family(tx: &Tx, id: RunId) -> Pg<Vec<Head>> {
    let mut known: Vec<RunKey> = Vec::new();
    loop {
        let found: Vec<RunKey> = tx
            .all(
                "WITH RECURSIVE family (no, id, depth) AS (
                     SELECT no, id, 0 FROM flow_runs WHERE id = $1
                     UNION
                     SELECT r.no, r.id, f.depth + 1 FROM family f
                     JOIN flow_run_specs s ON s.parent = f.id
                     JOIN flow_runs r ON r.no = s.no
                 )
                 SELECT r.no FROM family f JOIN flow_runs r ON r.no = f.no
                 JOIN flow_run_specs s ON s.no = f.no
                 WHERE r.ended IS NULL AND s.within IS NULL ORDER BY f.depth, r.no",
                params![id],
                |row| row.get(0),
            )
            .await?;
        if found.iter().all(|key| known.contains(key)) {
            return of_keys(tx, &found).await;
        }
        tx.query(
            "SELECT 1 FROM flow_runs WHERE no = ANY($1) ORDER BY no FOR UPDATE",
            params![List(&found)],
        )
        .await?;
        known = found;
    }
}

/// The heads of runs that are locked, in this order.
async fn of_keys(tx: &Tx, keys: &[RunKey]) -> Pg<Vec<Head>> {
    tx.all(
        select_head!(
            "JOIN unnest($1::bigint[]) WITH ORDINALITY k (no, place) ON k.no = r.no
             WHERE r.ended IS NULL ORDER BY k.place"
        ),
        params![List(keys)],
        head,
    )
    .await
}

/// Runs that a worker has claimed, or had reserved for itself, locked, with how many of their calls
/// have outcomes.
pub(crate) async fn of_worker(tx: &Tx, worker: WorkerId) -> Pg<Vec<(Head, u64)>> {
    tx.all(
        select_head!(
            ", (SELECT count(settled_at) FROM journal WHERE run = r.no)",
            "WHERE (r.worker = $1 OR r.reserved_for = $1) AND r.ended IS NULL
             ORDER BY r.no FOR UPDATE OF r"
        ),
        params![worker],
        |row| Ok((head(row)?, row.get(17)?)),
    )
    .await
}

/// The run of a lease, locked, with how many of its calls have outcomes. Nothing, if it is not
/// leased so.
pub(crate) async fn leased(tx: &Tx, lease: Lease) -> Pg<Option<(Head, u64)>> {
    tx.first(
        select_head!(
            ", (SELECT count(settled_at) FROM journal WHERE run = r.no)",
            "WHERE r.id = $1 AND r.worker = $2 AND r.epoch = $3 AND r.ended IS NULL
             FOR UPDATE OF r"
        ),
        params![lease.run, lease.worker, lease.epoch],
        |row| Ok((head(row)?, row.get(17)?)),
    )
    .await
}

/// What was claimed under a lease, as it is now. Nothing, if the run is not leased so.
pub(crate) async fn claimed(conn: &impl Conn, lease: Lease) -> Pg<Option<Candidate>> {
    texts::first(
        conn,
        select_flow_run!(
            ", r.states, r.journal_len, r.logged, r.crashes, r.lost_attempt, r.lost_steps",
            "WHERE r.id = $1 AND r.worker = $2 AND r.epoch = $3 AND r.ended IS NULL"
        ),
        params![lease.run, lease.worker, lease.epoch],
        candidate,
    )
    .await
}

/// What a worker has claimed and not left.
pub(crate) async fn leases(conn: &impl Conn, worker: WorkerId) -> Pg<Vec<Lease>> {
    conn.all(
        "SELECT id, epoch FROM flow_runs WHERE worker = $1 AND ended IS NULL",
        params![worker],
        |row| {
            Ok(Lease {
                run: row.get(0)?,
                worker,
                epoch: row.get(1)?,
            })
        },
    )
    .await
}

/// The leased runs whose worker is to hear of it.
pub(crate) async fn orders(conn: &impl Conn, worker: WorkerId) -> Pg<Vec<(RunId, StateType)>> {
    conn.all(
        "SELECT id, state FROM flow_runs
         WHERE worker = $1 AND state IN ('CANCELLING', 'PAUSED')",
        params![worker],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}

/// A call whose time has come.
pub(crate) struct DueCall {
    pub run: RunKey,
    pub seq: Seq,
    pub at: Timestamp,
    pub is_input: bool,
}

/// Calls that are due, the earliest first. Their runs are locked.
pub(crate) async fn due(tx: &Tx, now: Timestamp, count: u32) -> Pg<Vec<DueCall>> {
    tx.all(
        "SELECT j.run, j.seq, j.due_at,
             EXISTS (SELECT 1 FROM inputs i WHERE i.run = j.run AND i.seq = j.seq)
         FROM journal j JOIN flow_runs r ON r.no = j.run
         WHERE j.due_at IS NOT NULL AND j.settled_at IS NULL AND j.due_at <= $1
         ORDER BY j.due_at LIMIT $2 FOR UPDATE OF r",
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
    .await
}

/// Whether a timer is due. Asked of a reader, so that looking in vain costs no write.
pub(crate) async fn is_due(conn: &impl Conn, now: Timestamp) -> Pg<bool> {
    conn.any(
        "SELECT 1 WHERE EXISTS (
             SELECT 1 FROM journal
             WHERE due_at IS NOT NULL AND settled_at IS NULL AND due_at <= $1
         ) OR EXISTS (SELECT 1 FROM limit_uses WHERE until <= $1)",
        params![now],
    )
    .await
}

/// When the next call is due, or the next run of the pool (of any pool if none is named).
pub(crate) async fn next_due(
    conn: &impl Conn,
    pool: Option<&PoolName>,
    now: Timestamp,
) -> Pg<Option<Timestamp>> {
    conn.need(
        "WITH RECURSIVE lines (pool, line) AS (
             SELECT p.name, (
                 SELECT min(r.line) FROM flow_runs r
                 WHERE r.pool = p.name AND r.reserved_for IS NULL AND r.ready_at IS NOT NULL
             ) FROM pools p WHERE $1::text IS NULL OR p.name = $1
             UNION ALL
             SELECT lines.pool, (
                 SELECT min(r.line) FROM flow_runs r
                 WHERE r.pool = lines.pool AND r.reserved_for IS NULL
                   AND r.ready_at IS NOT NULL AND r.line > lines.line
             ) FROM lines WHERE lines.line IS NOT NULL
         )
         SELECT least(
             (SELECT min(due_at) FROM journal WHERE due_at IS NOT NULL AND settled_at IS NULL),
             (SELECT min(u.until) FROM limit_uses u WHERE EXISTS (
                  SELECT 1 FROM permits p
                  WHERE p.limit_name = u.limit_name AND p.line = u.line AND p.granted IS NULL
              )),
             (SELECT min(ready_at) FROM flow_runs
              WHERE reserved_for IS NOT NULL AND ended IS NULL AND ready_at > $2),
             (SELECT min((
                  SELECT min(r.ready_at) FROM flow_runs r
                  WHERE r.pool = lines.pool AND r.line = lines.line
                    AND r.reserved_for IS NULL AND r.ready_at IS NOT NULL AND r.ready_at > $2
              )) FROM lines WHERE line IS NOT NULL)
         )",
        params![pool, now],
        |row| row.get(0),
    )
    .await
}
