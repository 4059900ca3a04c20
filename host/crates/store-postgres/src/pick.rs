//! Where the database chooses among many rows. What becomes of what it has chosen is decided by the
//! lifecycle.
//!
//! The rules, which the contract holds:
//!
//! - ready: the runs that are reserved for the worker, at any time; of its pool, the runs that are
//!   not reserved, as far as the pool has room. The longest ready first. What another claims at the
//!   same moment is passed over.
//! - due: a call whose time has come and that has not settled, the earliest first.
//! - a family: a run and all that have it above them as parents, except what is over. Subflows are
//!   passed through.
//! - of a worker: what it has under lease or reserved, except what is over.
//! - orders: what a worker has under lease and a person has paused or cancelled.

use super::load::{head, select_head};
use super::rows::{flow_run, flow_run_columns, select_flow_run};
use super::sql::{Conn, Row, params};
use super::{pools, texts, workers};
use crate::columns::List;
use crate::error::Pg;
use crate::tx::Tx;
use model::{Claim, Lease, PoolName, RunId, Seq, StateType, Timestamp, WorkPool, WorkerId};
use orchestrator::lifecycle::{self, Candidate, Head, Losses, Reached, RunKey, Tally};
use store::texts::Stored;

/// Whether a claim would give anything: asked of a reader, so that looking in vain costs no write.
pub(crate) async fn is_claimable(conn: &impl Conn, claim: &Claim) -> Pg<bool> {
    if claim.count == 0 {
        return Ok(false);
    }
    conn.any(
        "SELECT 1 WHERE EXISTS (
             SELECT 1 FROM flow_runs
             WHERE reserved_for = $1 AND ended IS NULL AND ready_at <= $2
         ) OR EXISTS (
             SELECT 1 FROM flow_runs
             WHERE pool = $3 AND reserved_for IS NULL AND ready_at IS NOT NULL AND ready_at <= $2
         ) OR ($3 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pools WHERE name = $3))",
        params![claim.worker, claim.now, claim.pool],
    )
    .await
}

/// Selects ready runs and locks their rows. What belongs to a run and never changes is read beside
/// them; what changes is read of the rows themselves, as they are once they are locked.
macro_rules! select_ready {
    ($queue:literal) => {
        concat!(
            "WITH reserved AS MATERIALIZED (
                 SELECT 0 AS place, f.* FROM flow_runs f
                 WHERE reserved_for = $1 AND ended IS NULL AND ready_at <= $2
                 ORDER BY ready_at LIMIT $3 FOR UPDATE SKIP LOCKED
             ), in_pool AS MATERIALIZED (
                 SELECT 1 AS place, f.* FROM flow_runs f",
            $queue,
            "    ORDER BY f.ready_at, f.no
                 LIMIT greatest(least($5, $3 - (SELECT count(*) FROM reserved)), 0)
                 FOR UPDATE OF f SKIP LOCKED
             )
             SELECT ",
            flow_run_columns!("s.parameters", "r.outcome"),
            ", r.states, r.journal_len, r.logged, r.crashes, r.lost_attempt, r.lost_steps
             FROM (SELECT * FROM reserved UNION ALL SELECT * FROM in_pool) r
             JOIN flow_run_specs s ON s.no = r.no ORDER BY r.place, r.ready_at, r.no"
        )
    };
}

/// Runs that are ready for this worker, locked. Errs if the worker was given up: it would hold its
/// runs for ever, for it is not rescued twice.
pub(crate) async fn ready(tx: &Tx, claim: &Claim) -> Pg<Vec<Candidate>> {
    let mut questions = vec![workers::staying(claim.worker)];
    questions.extend(claim.pool.as_ref().map(pools::staying));
    let answers = tx.questions(questions).await?;
    let rows = |n: usize| answers.get(n).map_or(&[][..], Vec::as_slice);
    workers::found(tx, claim.worker, !rows(0).is_empty())?;
    let room = match &claim.pool {
        Some(name) => room(tx, pools::found(tx, name, rows(1))?, claim.count).await?,
        None => 0,
    };
    let mut params = params![claim.worker, claim.now, claim.count, claim.pool, room];
    let sql = match &claim.work_queue {
        None => select_ready!(
            " WHERE f.pool = $4 AND f.reserved_for IS NULL AND f.ready_at IS NOT NULL
                   AND f.ready_at <= $2"
        ),
        Some(queue) => {
            params.append(&mut params![queue]);
            select_ready!(
                " JOIN flow_run_specs q ON q.no = f.no
                 WHERE f.pool = $4 AND f.reserved_for IS NULL AND f.ready_at IS NOT NULL
                   AND f.ready_at <= $2 AND q.work_queue = $6"
            )
        }
    };
    texts::all(tx, sql, params, candidate).await
}

/// How many runs, at most `wanted`, a pool has room for. A pool with a limit is locked, so that
/// nobody else fills the same room.
async fn room(tx: &Tx, mut pool: WorkPool, wanted: u32) -> Pg<u32> {
    let mut active = 0;
    if pool.limit.is_some() {
        pool = pools::need_locked(tx, &pool.name).await?;
        active = pools::active(tx, &pool.name).await?;
    }
    lifecycle::room(&pool, wanted, || Ok::<_, crate::error::Fault>(active))
}

fn candidate(row: &Row) -> Pg<Stored<Candidate>> {
    let key = row.get(0)?;
    let tally = Tally {
        states: row.get(25)?,
        started: row.get(21)?,
        journal_len: row.get(26)?,
        logged: row.get(27)?,
    };
    let losses = Losses {
        count: row.get(28)?,
        at: Reached {
            attempt: row.get(29)?,
            steps: row.get(30)?,
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
        |row| Ok((head(row)?, row.get(16)?)),
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
        |row| Ok((head(row)?, row.get(16)?)),
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
        "SELECT 1 FROM journal WHERE due_at IS NOT NULL AND settled_at IS NULL AND due_at <= $1
         LIMIT 1",
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
        "SELECT least(
             (SELECT min(due_at) FROM journal WHERE due_at IS NOT NULL AND settled_at IS NULL),
             (SELECT min(ready_at) FROM flow_runs
              WHERE reserved_for IS NOT NULL AND ended IS NULL AND ready_at > $2),
             (SELECT min(first) FROM (
                  SELECT (SELECT min(r.ready_at) FROM flow_runs r
                          WHERE r.pool = p.name AND r.reserved_for IS NULL
                            AND r.ready_at IS NOT NULL AND r.ready_at > $2) AS first
                  FROM pools p WHERE $1::text IS NULL OR p.name = $1
              ) of_pools)
         )",
        params![pool, now],
        |row| row.get(0),
    )
    .await
}
