//! Queues of work pools, and what room they have.
//!
//! `no` is the number of a queue within its pool; `default` has 0. A run has its queue and its
//! priority in one number, its line.

use rusqlite::Connection;

use super::rows::unsigned;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{Edited, FlowRun, PoolName, QueueName, Timestamp, WorkPool, WorkQueue};
use orchestrator::lifecycle::{LineKey, Queue, QueueKey};
use store::{Missing, QUEUES_MAX, QueueChange, QueueUse, StoreError, StoreResult};

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

pub(super) fn create(tx: &Tx<'_>, queue: &WorkQueue) -> StoreResult<()> {
    let (pool, name) = (&queue.pool, &queue.name);
    let found = tx.run(
        "UPDATE pools SET queues = queues + 1 WHERE name = ?1",
        [pool],
    )?;
    if found == 0 {
        return Err(StoreError::NotFound(Missing::Pool(pool.clone())));
    }
    if get(tx, pool, name)?.is_some() {
        return Err(StoreError::QueueExists {
            pool: pool.clone(),
            name: name.clone(),
        });
    }
    let count: i64 = tx.need(
        "SELECT count(*) FROM work_queues WHERE pool = ?1",
        [pool],
        |row| row.get(0),
    )?;
    if count >= QUEUES_MAX as i64 {
        return Err(StoreError::TooManyQueues(pool.clone()));
    }
    insert(tx, queue)?;
    tx.changes().pool(pool, Edited::Changed);
    Ok(())
}

/// Under the number that was last given in its pool.
pub(super) fn insert(tx: &Tx<'_>, queue: &WorkQueue) -> StoreResult<()> {
    tx.run(
        "INSERT INTO work_queues (pool, name, no, priority, run_limit, paused, created)
         SELECT ?1, ?2, queues, ?3, ?4, ?5, ?6 FROM pools WHERE name = ?1",
        params![
            queue.pool,
            queue.name,
            queue.priority,
            queue.limit,
            queue.paused,
            queue.created
        ],
    )?;
    Ok(())
}

pub(super) fn change(
    tx: &Tx<'_>,
    pool: &PoolName,
    name: &QueueName,
    change: QueueChange,
) -> StoreResult<WorkQueue> {
    let (_, mut queue) = need(tx, pool, name)?;
    change.change(&mut queue);
    tx.run(
        "UPDATE work_queues SET priority = ?3, run_limit = ?4, paused = ?5
         WHERE pool = ?1 AND name = ?2",
        params![pool, name, queue.priority, queue.limit, queue.paused],
    )?;
    tx.changes().pool(pool, Edited::Changed);
    // There may be room now.
    tx.tell_ready();
    Ok(queue)
}

pub(super) fn delete(tx: &Tx<'_>, pool: &PoolName, name: &QueueName) -> StoreResult<()> {
    let (key, _) = need(tx, pool, name)?;
    let (deployments, runs) = tx.need(
        concat!(
            "SELECT (SELECT count(*) FROM deployments WHERE pool = ?1 AND work_queue = ?2),
                    (SELECT count(*) FROM flow_runs
                     WHERE pool = ?1 AND ended IS NULL AND ",
            in_queue!(),
            ") FROM (SELECT ?3 AS no) q"
        ),
        params![pool, name, key],
        |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)),
    )?;
    if deployments > 0 || runs > 0 {
        return Err(StoreError::QueueInUse {
            pool: pool.clone(),
            name: name.clone(),
            deployments,
            runs,
        });
    }
    tx.run(
        "DELETE FROM work_queues WHERE pool = ?1 AND name = ?2",
        params![pool, name],
    )?;
    tx.changes().pool(pool, Edited::Changed);
    Ok(())
}

fn get(
    conn: &Connection,
    pool: &PoolName,
    name: &QueueName,
) -> StoreResult<Option<(QueueKey, WorkQueue)>> {
    conn.first(
        select_queue!("WHERE pool = ?1 AND name = ?2"),
        params![pool, name],
        |row| Ok((row.get(6)?, queue(row)?)),
    )
}

/// Errs if it does not exist.
pub(super) fn need(
    conn: &Connection,
    pool: &PoolName,
    name: &QueueName,
) -> StoreResult<(QueueKey, WorkQueue)> {
    let found = get(conn, pool, name)?;
    found.ok_or_else(|| {
        StoreError::NotFound(Missing::Queue {
            pool: pool.clone(),
            name: name.clone(),
        })
    })
}

/// The line that a new run is in. A queue that was deleted meanwhile is as `default`.
pub(super) fn line_of(conn: &Connection, run: &FlowRun) -> StoreResult<LineKey> {
    let key = match (&run.pool, &run.work_queue) {
        (Some(pool), Some(name)) => get(conn, pool, name)?.map(|(key, _)| key),
        _ => None,
    };
    Ok(LineKey::of(key.unwrap_or(QueueKey::DEFAULT), run.priority))
}

/// A pool, how many of its runs were started where there was a choice, and its queues.
pub(super) struct PoolQueues {
    pub pool: WorkPool,
    pub starts: u64,
    pub queues: Vec<Queue>,
}

/// Errs if the pool does not exist.
pub(super) fn of_pool(conn: &Connection, name: &PoolName) -> StoreResult<PoolQueues> {
    let rows = conn.all(
        concat!(
            "SELECT q.pool, q.name, q.priority, q.run_limit, q.paused, q.created, q.no,
                 CASE WHEN q.run_limit IS NULL THEN 0 ELSE (
                     SELECT count(*) FROM flow_runs
                     WHERE pool = ?1 AND worker > x'' AND reserved_for IS NULL
                       AND ended IS NULL AND ",
            in_queue!(),
            ") END, p.run_limit, p.paused, p.created, p.starts
             FROM work_queues q JOIN pools p ON p.name = q.pool WHERE q.pool = ?1"
        ),
        [name],
        |row| {
            let pool = WorkPool {
                name: row.get(0)?,
                limit: row.get(8)?,
                paused: row.get(9)?,
                created: row.get(10)?,
            };
            let queue = Queue::new(row.get(6)?, queue(row)?, unsigned(row, 7)?);
            Ok((pool, unsigned(row, 11)?, queue))
        },
    )?;
    let missing = || StoreError::NotFound(Missing::Pool(name.clone()));
    let (pool, starts, _) = rows.first().cloned().ok_or_else(missing)?;
    let queues = rows.into_iter().map(|(.., queue)| queue).collect();
    Ok(PoolQueues {
        pool,
        starts,
        queues,
    })
}

pub(super) fn list(
    conn: &Connection,
    pool: Option<&PoolName>,
    now: Timestamp,
) -> StoreResult<Vec<QueueUse>> {
    conn.all(
        concat!(
            "SELECT pool, name, priority, run_limit, paused, created, no,
                 (SELECT count(*) FROM flow_runs r
                  WHERE r.pool = q.pool AND worker > x'' AND reserved_for IS NULL
                    AND ended IS NULL AND ",
            in_queue!(),
            "),
                 (SELECT count(*) FROM flow_runs r
                  WHERE r.pool = q.pool AND reserved_for IS NULL AND ready_at IS NOT NULL
                    AND ready_at <= ?2 AND ",
            in_queue!(),
            "),
                 (SELECT min(ready_at) FROM flow_runs r
                  WHERE r.pool = q.pool AND reserved_for IS NULL AND ready_at IS NOT NULL
                    AND ready_at <= ?2 AND ",
            in_queue!(),
            "),
                 (SELECT count(*) FROM flow_runs r
                  WHERE r.pool = q.pool AND reserved_for IS NULL AND ready_at IS NOT NULL
                    AND ready_at > ?2 AND ",
            in_queue!(),
            "),
                 (SELECT count(*) FROM deployments d
                  WHERE d.pool = q.pool AND coalesce(d.work_queue, 'default') = q.name)
             FROM work_queues q WHERE ?1 IS NULL OR pool = ?1
             ORDER BY pool, priority, name"
        ),
        params![pool, now],
        |row| {
            Ok(QueueUse {
                queue: queue(row)?,
                active: unsigned(row, 7)?,
                ready: unsigned(row, 8)?,
                oldest: row.get(9)?,
                scheduled: unsigned(row, 10)?,
                deployments: unsigned(row, 11)?,
            })
        },
    )
}

fn queue(row: &Row<'_>) -> rusqlite::Result<WorkQueue> {
    Ok(WorkQueue {
        pool: row.get(0)?,
        name: row.get(1)?,
        priority: row.get(2)?,
        limit: row.get(3)?,
        paused: row.get(4)?,
        created: row.get(5)?,
    })
}
