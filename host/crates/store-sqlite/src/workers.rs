//! Workers and their leases.

use rusqlite::Connection;

use super::columns::AsJson;
use super::pools;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{PoolName, Timestamp, Worker, WorkerChange, WorkerId, WorkerUsage};
use store::{Missing, StoreError, StoreResult};

pub(super) fn register(tx: &Tx<'_>, worker: &Worker) -> StoreResult<()> {
    if let Some(pool) = &worker.pool {
        pools::need(tx, pool)?;
    }
    tx.run(
        "INSERT OR REPLACE INTO workers (id, name, pool, run_limit, pid, host, version, usage,
             started, heartbeat, lease_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            worker.id,
            worker.name,
            worker.pool,
            worker.limit,
            worker.pid,
            worker.host,
            worker.version,
            worker.usage.map(AsJson),
            worker.started,
            worker.heartbeat,
            worker.lease_until
        ],
    )?;
    // Histories name it when it is gone.
    tx.run(
        "INSERT OR REPLACE INTO worker_names (id, name) VALUES (?1, ?2)",
        params![worker.id, worker.name],
    )?;
    let (name, pool) = (&worker.name, worker.pool.as_ref());
    let what = WorkerChange::Registered;
    tx.changes().worker(worker.id, name, pool, what);
    Ok(())
}

pub(super) fn renew(
    tx: &Tx<'_>,
    worker: WorkerId,
    usage: WorkerUsage,
    now: Timestamp,
    until: Timestamp,
) -> StoreResult<()> {
    let renewed = tx.run(
        "UPDATE workers SET usage = ?2, heartbeat = ?3, lease_until = ?4 WHERE id = ?1",
        params![worker, AsJson(usage), now, until],
    )?;
    match renewed {
        0 => Err(StoreError::NotFound(Missing::Worker(worker))),
        _ => Ok(()),
    }
}

/// Errs if it is not registered, or was given up.
pub(super) fn need(conn: &Connection, worker: WorkerId) -> StoreResult<()> {
    if conn.any("SELECT 1 FROM workers WHERE id = ?1", [worker])? {
        Ok(())
    } else {
        Err(StoreError::NotFound(Missing::Worker(worker)))
    }
}

pub(super) fn list(conn: &Connection) -> StoreResult<Vec<Worker>> {
    conn.all(
        "SELECT id, name, pool, run_limit, pid, host, version, usage, started, heartbeat,
             lease_until
         FROM workers ORDER BY started, id",
        [],
        worker,
    )
}

fn worker(row: &Row<'_>) -> rusqlite::Result<Worker> {
    Ok(Worker {
        id: row.get(0)?,
        name: row.get(1)?,
        pool: row.get(2)?,
        limit: row.get(3)?,
        pid: row.get(4)?,
        host: row.get(5)?,
        version: row.get(6)?,
        usage: row
            .get::<_, Option<AsJson<_>>>(7)?
            .map(|AsJson(usage)| usage),
        started: row.get(8)?,
        heartbeat: row.get(9)?,
        lease_until: row.get(10)?,
    })
}

/// Its name, for those who read of it.
pub(super) fn name(conn: &Connection, worker: WorkerId) -> StoreResult<String> {
    let name = conn.first(
        "SELECT name FROM worker_names WHERE id = ?1",
        [worker],
        |row| row.get(0),
    )?;
    Ok(name.unwrap_or_else(|| worker.to_string()))
}

/// Workers whose lease has ended. Asked of a reader, so that looking in vain costs no write.
pub(super) fn overdue(conn: &Connection, now: Timestamp) -> StoreResult<Vec<WorkerId>> {
    conn.all(
        "SELECT id FROM workers WHERE lease_until <= ?1",
        [now],
        |row| row.get(0),
    )
}

/// Removes a worker from the list. Returns its name, if it was there.
pub(super) fn remove(
    tx: &Tx<'_>,
    worker: WorkerId,
    what: WorkerChange,
) -> StoreResult<Option<String>> {
    let removed: Option<(String, Option<PoolName>)> = tx.first(
        "DELETE FROM workers WHERE id = ?1 RETURNING name, pool",
        [worker],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(removed.map(|(name, pool)| {
        tx.changes().worker(worker, &name, pool.as_ref(), what);
        name
    }))
}
