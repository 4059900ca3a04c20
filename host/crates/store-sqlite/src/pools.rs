//! Work pools, and what room they have.

use rusqlite::Connection;

use super::queues;
use super::rows::unsigned;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{Edited, PoolName, Timestamp, WorkPool, WorkQueue};
use store::{Missing, PoolChange, PoolUse, StoreError, StoreResult};

pub(super) fn create(tx: &Tx<'_>, pool: &WorkPool) -> StoreResult<()> {
    if get(tx, &pool.name)?.is_some() {
        return Err(StoreError::PoolExists(pool.name.clone()));
    }
    tx.run(
        "INSERT INTO pools (name, run_limit, paused, created) VALUES (?1, ?2, ?3, ?4)",
        params![pool.name, pool.limit, pool.paused, pool.created],
    )?;
    queues::insert(tx, &WorkQueue::default_of(pool))?;
    tx.changes().pool(&pool.name, Edited::Created);
    Ok(())
}

pub(super) fn change(tx: &Tx<'_>, name: &PoolName, change: PoolChange) -> StoreResult<WorkPool> {
    let mut pool = need(tx, name)?;
    pool.paused = change.paused.unwrap_or(pool.paused);
    pool.limit = change.limit.unwrap_or(pool.limit);
    tx.run(
        "UPDATE pools SET run_limit = ?2, paused = ?3 WHERE name = ?1",
        params![name, pool.limit, pool.paused],
    )?;
    tx.changes().pool(name, Edited::Changed);
    // There may be room now.
    tx.tell_ready();
    Ok(pool)
}

pub(super) fn delete(tx: &Tx<'_>, name: &PoolName) -> StoreResult<()> {
    need(tx, name)?;
    let (deployments, runs) = tx.need(
        "SELECT (SELECT count(*) FROM deployments WHERE pool = ?1),
                (SELECT count(*) FROM flow_runs WHERE pool = ?1 AND ended IS NULL)",
        [name],
        |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)),
    )?;
    if deployments > 0 || runs > 0 {
        return Err(StoreError::PoolInUse {
            pool: name.clone(),
            deployments,
            runs,
        });
    }
    tx.run("DELETE FROM work_queues WHERE pool = ?1", [name])?;
    tx.run("DELETE FROM pools WHERE name = ?1", [name])?;
    tx.changes().pool(name, Edited::Deleted);
    Ok(())
}

pub(super) fn get(conn: &Connection, name: &PoolName) -> StoreResult<Option<WorkPool>> {
    conn.first(
        "SELECT name, run_limit, paused, created FROM pools WHERE name = ?1",
        [name],
        pool,
    )
}

/// Errs if it does not exist.
pub(super) fn need(conn: &Connection, name: &PoolName) -> StoreResult<WorkPool> {
    get(conn, name)?.ok_or_else(|| StoreError::NotFound(Missing::Pool(name.clone())))
}

/// Runs that hold a slot: the leased ones, save those that a worker has for itself.
pub(super) fn active(conn: &Connection, name: &PoolName) -> StoreResult<u64> {
    // No lease is NULL; comparing with the least blob lets the index skip those.
    conn.need(
        "SELECT count(*) FROM flow_runs
         WHERE pool = ?1 AND worker > x'' AND reserved_for IS NULL AND ended IS NULL",
        [name],
        |row| unsigned(row, 0),
    )
}

/// `leases`: what the time of leases is `now`.
pub(super) fn list(
    conn: &Connection,
    now: Timestamp,
    leases: Timestamp,
) -> StoreResult<Vec<PoolUse>> {
    let pools = conn.all(
        "SELECT name, run_limit, paused, created FROM pools ORDER BY name",
        [],
        pool,
    )?;
    pools
        .into_iter()
        .map(|pool| with_use(conn, pool, now, leases))
        .collect()
}

pub(super) fn with_use(
    conn: &Connection,
    pool: WorkPool,
    now: Timestamp,
    leases: Timestamp,
) -> StoreResult<PoolUse> {
    let (ready, scheduled, workers, deployments) = conn.need(
        "SELECT (SELECT count(*) FROM flow_runs WHERE pool = ?1 AND reserved_for IS NULL
                    AND ready_at IS NOT NULL AND ready_at <= ?2),
                (SELECT count(*) FROM flow_runs WHERE pool = ?1 AND reserved_for IS NULL
                    AND ready_at IS NOT NULL AND ready_at > ?2),
                (SELECT count(*) FROM workers WHERE pool = ?1 AND lease_until > ?3),
                (SELECT count(*) FROM deployments WHERE pool = ?1)",
        params![pool.name, now, leases],
        |row| {
            Ok((
                unsigned(row, 0)?,
                unsigned(row, 1)?,
                unsigned(row, 2)?,
                unsigned(row, 3)?,
            ))
        },
    )?;
    Ok(PoolUse {
        active: active(conn, &pool.name)?,
        pool,
        ready,
        scheduled,
        workers,
        deployments,
    })
}

fn pool(row: &Row<'_>) -> rusqlite::Result<WorkPool> {
    Ok(WorkPool {
        name: row.get(0)?,
        limit: row.get(1)?,
        paused: row.get(2)?,
        created: row.get(3)?,
    })
}
