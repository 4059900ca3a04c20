//! Queues of work pools, and what room they have.
//!
//! `no` is the number of a queue within its pool; `default` has 0. A run has its queue and its
//! priority in one number, its line.

use super::pools;
use super::sql::{Conn, Row, params};
use crate::columns::Value;
use crate::error::{Fault, Pg};
use crate::tx::Tx;
use model::{Edited, FlowRun, PoolName, QueueName, Timestamp, WorkPool, WorkQueue};
use orchestrator::lifecycle::{LineKey, News, Queue, QueueKey};
use store::{Missing, QUEUES_MAX, QueueChange, QueueUse, StoreError};

macro_rules! select_queue {
    ($rest:literal) => {
        concat!(
            "SELECT pool, name, priority, run_limit, paused, created, no FROM work_queues ",
            $rest
        )
    };
}

/// Runs of a queue, in an index that has their lines.
macro_rules! in_queue {
    () => {
        "line >= q.no * 256 AND line < (q.no + 1) * 256"
    };
}

pub(crate) async fn create(tx: &Tx, queue: &WorkQueue) -> Pg<()> {
    let (pool, name) = (&queue.pool, &queue.name);
    // Nobody else gives numbers of this pool before the transaction ends.
    let found = pools::need_locked(tx, pool).await?;
    insert(tx, &WorkQueue::default_of(&found)).await?;
    let count: u64 = tx
        .need(
            "SELECT count(*) FROM work_queues WHERE pool = $1",
            params![pool],
            |row| row.get(0),
        )
        .await?;
    if get(tx, pool, name).await?.is_some() {
        return Err(StoreError::QueueExists {
            pool: pool.clone(),
            name: name.clone(),
        }
        .into());
    }
    if count >= QUEUES_MAX as u64 {
        return Err(StoreError::TooManyQueues(pool.clone()).into());
    }
    tx.run(
        "UPDATE pools SET queues = queues + 1 WHERE name = $1",
        params![pool],
    );
    insert(tx, queue).await?;
    tx.change(|changes| changes.pool(pool, Edited::Changed));
    Ok(())
}

/// Under the number that was last given in its pool, unless it is there.
pub(crate) async fn insert(tx: &Tx, queue: &WorkQueue) -> Pg<()> {
    tx.query(
        "INSERT INTO work_queues (pool, name, no, priority, run_limit, paused, created)
         SELECT name, $2, CASE $2 WHEN 'default' THEN 0 ELSE queues END, $3, $4, $5, $6
         FROM pools WHERE name = $1 ON CONFLICT DO NOTHING",
        params![
            queue.pool,
            queue.name,
            queue.priority,
            queue.limit,
            queue.paused,
            queue.created
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn change(
    tx: &Tx,
    pool: &PoolName,
    name: &QueueName,
    change: QueueChange,
) -> Pg<WorkQueue> {
    let (_, mut queue) = need_locked(tx, pool, name).await?;
    change.change(&mut queue);
    tx.run(
        "UPDATE work_queues SET priority = $3, run_limit = $4, paused = $5
         WHERE pool = $1 AND name = $2",
        params![pool, name, queue.priority, queue.limit, queue.paused],
    );
    tx.known(crate::known::Known::forget);
    tx.change(|changes| changes.pool(pool, Edited::Changed));
    // There may be room now.
    tx.tell(News::READY);
    Ok(queue)
}

pub(crate) async fn delete(tx: &Tx, pool: &PoolName, name: &QueueName) -> Pg<()> {
    let (key, _) = need_locked(tx, pool, name).await?;
    let (deployments, runs): (u64, u64) = tx
        .need(
            concat!(
                "SELECT (SELECT count(*) FROM deployments WHERE pool = $1 AND work_queue = $2),
                        (SELECT count(*) FROM flow_runs
                         WHERE pool = $1 AND ended IS NULL AND ",
                in_queue!(),
                ") FROM (SELECT $3::bigint AS no) q"
            ),
            params![pool, name, key],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    if deployments > 0 || runs > 0 {
        return Err(StoreError::QueueInUse {
            pool: pool.clone(),
            name: name.clone(),
            deployments,
            runs,
        }
        .into());
    }
    tx.run(
        "DELETE FROM work_queues WHERE pool = $1 AND name = $2",
        params![pool, name],
    );
    tx.change(|changes| changes.pool(pool, Edited::Changed));
    Ok(())
}

async fn get(
    conn: &impl Conn,
    pool: &PoolName,
    name: &QueueName,
) -> Pg<Option<(QueueKey, WorkQueue)>> {
    conn.first(
        select_queue!("WHERE pool = $1 AND name = $2"),
        params![pool, name],
        |row| Ok((row.get(6)?, queue(row)?)),
    )
    .await
}

/// Errs if it does not exist. Nobody else changes it, or counts its slots, before the transaction
/// ends.
async fn need_locked(tx: &Tx, pool: &PoolName, name: &QueueName) -> Pg<(QueueKey, WorkQueue)> {
    let found = tx
        .first(
            select_queue!("WHERE pool = $1 AND name = $2 FOR NO KEY UPDATE"),
            params![pool, name],
            |row| Ok((row.get(6)?, queue(row)?)),
        )
        .await?;
    found.ok_or_else(|| missing(pool, name))
}

/// Errs if it does not exist. It is not deleted before the transaction ends.
pub(crate) async fn stays(tx: &Tx, pool: &PoolName, name: &QueueName) -> Pg<()> {
    let is_there = tx
        .any(
            "SELECT 1 FROM work_queues WHERE pool = $1 AND name = $2 FOR KEY SHARE",
            params![pool, name],
        )
        .await?;
    if is_there || name.is_default() {
        Ok(())
    } else {
        Err(missing(pool, name))
    }
}

fn missing(pool: &PoolName, name: &QueueName) -> Fault {
    StoreError::NotFound(Missing::Queue {
        pool: pool.clone(),
        name: name.clone(),
    })
    .into()
}

/// The line that a new run is in. A queue that was deleted meanwhile is as `default`.
pub(crate) async fn line_of(tx: &Tx, run: &FlowRun) -> Pg<LineKey> {
    let key = match (&run.pool, &run.work_queue) {
        (Some(pool), Some(name)) => match tx.known(|known| known.queue(pool, name)) {
            Some(key) => Some(key),
            None => {
                let key = get(tx, pool, name).await?.map(|(key, _)| key);
                let key = key.unwrap_or(QueueKey::DEFAULT);
                tx.known(|known| known.learn_queue(pool, name, key));
                Some(key)
            }
        },
        _ => None,
    };
    Ok(LineKey::of(key.unwrap_or(QueueKey::DEFAULT), run.priority))
}

/// Asks for the queues of a pool, as a claim sees them.
pub(crate) fn asking(pool: &PoolName) -> (&'static str, Vec<Value>) {
    (
        concat!(
            "SELECT pool, name, priority, run_limit, paused, created, no,
                 CASE WHEN run_limit IS NULL THEN 0 ELSE (
                     SELECT count(*) FROM flow_runs
                     WHERE pool = $1 AND worker IS NOT NULL AND reserved_for IS NULL
                       AND ended IS NULL AND ",
            in_queue!(),
            ") END FROM work_queues q WHERE pool = $1"
        ),
        params![pool],
    )
}

/// What [`asking`] has found.
pub(crate) fn found(pool: &WorkPool, rows: &[Row]) -> Pg<Vec<Queue>> {
    let queues = rows
        .iter()
        .map(|row| Ok(Queue::new(row.get(6)?, queue(row)?, row.get(7)?)));
    let mut queues: Vec<Queue> = queues.collect::<Pg<_>>()?;
    if queues.iter().all(|queue| queue.key != QueueKey::DEFAULT) {
        let default = WorkQueue::default_of(pool);
        queues.push(Queue::new(QueueKey::DEFAULT, default, 0));
    }
    Ok(queues)
}

/// Locks the queues of a pool that have limits, so that nobody else fills the same room. Whether
/// there are any.
pub(crate) async fn lock_limited(tx: &Tx, pool: &PoolName) -> Pg<bool> {
    tx.any(
        "SELECT 1 FROM work_queues WHERE pool = $1 AND run_limit IS NOT NULL
         ORDER BY no FOR NO KEY UPDATE",
        params![pool],
    )
    .await
}

pub(crate) async fn list(
    conn: &impl Conn,
    pool: Option<&PoolName>,
    now: Timestamp,
) -> Pg<Vec<QueueUse>> {
    conn.all(
        concat!(
            "SELECT pool, name, priority, run_limit, paused, created, no,
                 (SELECT count(*) FROM flow_runs r
                  WHERE r.pool = q.pool AND worker IS NOT NULL AND reserved_for IS NULL
                    AND ended IS NULL AND ",
            in_queue!(),
            "), t.ready, t.oldest, t.scheduled,
                 (SELECT count(*) FROM deployments d
                  WHERE d.pool = q.pool AND coalesce(d.work_queue, 'default') = q.name)
             FROM (
                 SELECT p.name AS pool, coalesce(q.name, 'default') AS name,
                     coalesce(q.priority, 50) AS priority, q.run_limit,
                     coalesce(q.paused, false) AS paused, coalesce(q.created, p.created) AS created,
                     coalesce(q.no, 0) AS no
                 FROM pools p LEFT JOIN work_queues q ON q.pool = p.name
             ) q CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE ready_at <= $2) AS ready,
                     min(ready_at) FILTER (WHERE ready_at <= $2) AS oldest,
                     count(*) FILTER (WHERE ready_at > $2) AS scheduled
                 FROM flow_runs r
                 WHERE r.pool = q.pool AND reserved_for IS NULL AND ready_at IS NOT NULL AND ",
            in_queue!(),
            ") t WHERE $1::text IS NULL OR q.pool = $1
             ORDER BY q.pool, q.priority, q.name"
        ),
        params![pool, now],
        |row| {
            Ok(QueueUse {
                queue: queue(row)?,
                active: row.get(7)?,
                ready: row.get(8)?,
                oldest: row.get(9)?,
                scheduled: row.get(10)?,
                deployments: row.get(11)?,
            })
        },
    )
    .await
}

fn queue(row: &Row) -> Pg<WorkQueue> {
    Ok(WorkQueue {
        pool: row.get(0)?,
        name: row.get(1)?,
        priority: row.get(2)?,
        limit: row.get(3)?,
        paused: row.get(4)?,
        created: row.get(5)?,
    })
}
