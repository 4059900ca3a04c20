//! Work pools, and what room they have.

use super::sql::{Conn, Row, params};
use crate::columns::Value;
use crate::error::{Fault, Pg};
use crate::known::Known;
use crate::tx::Tx;
use model::{Edited, PoolName, Priority, Timestamp, WorkPool};
use orchestrator::lifecycle::News;
use store::{Missing, PoolChange, PoolUse, StoreError};

pub(crate) async fn create(tx: &Tx, pool: &WorkPool) -> Pg<()> {
    let added = tx
        .any(
            "INSERT INTO pools (name, run_limit, paused, created) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING RETURNING 1",
            params![pool.name, pool.limit, pool.paused, pool.created],
        )
        .await?;
    if !added {
        return Err(StoreError::PoolExists(pool.name.clone()).into());
    }
    tx.run(
        "INSERT INTO work_queues (pool, name, no, priority, paused, created)
         VALUES ($1, 'default', 0, $2, false, $3)",
        params![pool.name, Priority::default(), pool.created],
    );
    tx.change(|changes| changes.pool(&pool.name, Edited::Created));
    Ok(())
}

pub(crate) async fn change(tx: &Tx, name: &PoolName, change: PoolChange) -> Pg<WorkPool> {
    let mut pool = need_locked(tx, name).await?;
    pool.paused = change.paused.unwrap_or(pool.paused);
    pool.limit = change.limit.unwrap_or(pool.limit);
    tx.run(
        "UPDATE pools SET run_limit = $2, paused = $3 WHERE name = $1",
        params![name, pool.limit, pool.paused],
    );
    tx.known(Known::forget);
    tx.change(|changes| changes.pool(name, Edited::Changed));
    // There may be room now.
    tx.tell(News::READY);
    Ok(pool)
}

pub(crate) async fn delete(tx: &Tx, name: &PoolName) -> Pg<()> {
    let found = tx
        .first(
            "SELECT name, run_limit, paused, created FROM pools WHERE name = $1 FOR UPDATE",
            params![name],
            pool,
        )
        .await?;
    if found.is_none() {
        return Err(StoreError::NotFound(Missing::Pool(name.clone())).into());
    }
    let (deployments, runs): (u64, u64) = tx
        .need(
            "SELECT (SELECT count(*) FROM deployments WHERE pool = $1),
                    (SELECT count(*) FROM flow_runs WHERE pool = $1 AND ended IS NULL)",
            params![name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    if deployments > 0 || runs > 0 {
        return Err(StoreError::PoolInUse {
            pool: name.clone(),
            deployments,
            runs,
        }
        .into());
    }
    tx.run("DELETE FROM work_queues WHERE pool = $1", params![name]);
    tx.run("DELETE FROM pools WHERE name = $1", params![name]);
    tx.change(|changes| changes.pool(name, Edited::Deleted));
    Ok(())
}

pub(crate) async fn get(conn: &impl Conn, name: &PoolName) -> Pg<Option<WorkPool>> {
    conn.first(
        "SELECT name, run_limit, paused, created FROM pools WHERE name = $1",
        params![name],
        pool,
    )
    .await
}

/// Errs if it does not exist. It is not deleted before the transaction ends.
pub(crate) async fn stays(tx: &Tx, name: &PoolName) -> Pg<()> {
    if !tx.known(|known| known.has_pool(name)) {
        let (sql, params) = staying(name);
        found(tx, name, &tx.query(sql, params).await?)?;
    }
    Ok(())
}

/// Asks for a pool, and keeps it there.
pub(crate) fn staying(name: &PoolName) -> (&'static str, Vec<Value>) {
    (
        "SELECT name, run_limit, paused, created FROM pools WHERE name = $1 FOR KEY SHARE",
        params![name],
    )
}

/// What [`staying`] has found.
pub(crate) fn found(tx: &Tx, name: &PoolName, rows: &[Row]) -> Pg<WorkPool> {
    let Some(row) = rows.first() else {
        return Err(missing(name));
    };
    tx.known(|known| known.learn_pool(name));
    pool(row)
}

/// The pool, which nobody else changes, and whose slots nobody else counts, before the transaction
/// ends.
pub(crate) async fn need_locked(tx: &Tx, name: &PoolName) -> Pg<WorkPool> {
    let found = tx
        .first(
            "SELECT name, run_limit, paused, created FROM pools WHERE name = $1
             FOR NO KEY UPDATE",
            params![name],
            pool,
        )
        .await?;
    found.ok_or_else(|| missing(name))
}

fn missing(name: &PoolName) -> Fault {
    StoreError::NotFound(Missing::Pool(name.clone())).into()
}

/// Runs that hold a slot: the leased ones, save those that a worker has for itself.
pub(crate) async fn active(conn: &impl Conn, name: &PoolName) -> Pg<u64> {
    conn.need(
        "SELECT count(*) FROM flow_runs
         WHERE pool = $1 AND worker IS NOT NULL AND reserved_for IS NULL AND ended IS NULL",
        params![name],
        |row| row.get(0),
    )
    .await
}

pub(crate) async fn list(conn: &impl Conn, now: Timestamp) -> Pg<Vec<PoolUse>> {
    let pools = conn
        .all(
            "SELECT name, run_limit, paused, created FROM pools ORDER BY name",
            params![],
            pool,
        )
        .await?;
    let mut used = Vec::with_capacity(pools.len());
    for pool in pools {
        used.push(with_use(conn, pool, now).await?);
    }
    Ok(used)
}

pub(crate) async fn with_use(conn: &impl Conn, pool: WorkPool, now: Timestamp) -> Pg<PoolUse> {
    let active = active(conn, &pool.name).await?;
    let name = pool.name.clone();
    conn.need(
        "SELECT (SELECT count(*) FROM flow_runs WHERE pool = $1 AND reserved_for IS NULL
                    AND ready_at IS NOT NULL AND ready_at <= $2),
                (SELECT count(*) FROM flow_runs WHERE pool = $1 AND reserved_for IS NULL
                    AND ready_at IS NOT NULL AND ready_at > $2),
                (SELECT count(*) FROM workers WHERE pool = $1 AND lease_until > $2),
                (SELECT count(*) FROM deployments WHERE pool = $1)",
        params![name, now],
        |row| {
            Ok(PoolUse {
                active,
                pool,
                ready: row.get(0)?,
                scheduled: row.get(1)?,
                workers: row.get(2)?,
                deployments: row.get(3)?,
            })
        },
    )
    .await
}

fn pool(row: &Row) -> Pg<WorkPool> {
    Ok(WorkPool {
        name: row.get(0)?,
        limit: row.get(1)?,
        paused: row.get(2)?,
        created: row.get(3)?,
    })
}
