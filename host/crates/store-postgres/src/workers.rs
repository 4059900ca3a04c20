//! Workers and their leases.

use super::pools;
use super::sql::{Conn, Row, params};
use crate::columns::{AsJson, Value};
use crate::error::Pg;
use crate::known::Known;
use crate::tx::Tx;
use model::{PoolName, Timestamp, Worker, WorkerChange, WorkerId, WorkerUsage};
use store::{Missing, StoreError};

pub(crate) async fn register(tx: &Tx, worker: &Worker) -> Pg<()> {
    if let Some(pool) = &worker.pool {
        pools::stays(tx, pool).await?;
    }
    tx.run(
        "INSERT INTO workers (id, name, pool, run_limit, pid, host, version, usage, started,
             heartbeat, lease_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, pool = excluded.pool,
             run_limit = excluded.run_limit, pid = excluded.pid, host = excluded.host,
             version = excluded.version, usage = excluded.usage, started = excluded.started,
             heartbeat = excluded.heartbeat, lease_until = excluded.lease_until",
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
    );
    // Histories name it when it is gone.
    tx.run(
        "INSERT INTO worker_names (id, name) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        params![worker.id, worker.name],
    );
    let what = WorkerChange::Registered;
    tx.change(|changes| changes.worker(worker.id, &worker.name, worker.pool.as_ref(), what));
    Ok(())
}

pub(crate) async fn renew(
    tx: &Tx,
    worker: WorkerId,
    usage: WorkerUsage,
    now: Timestamp,
    until: Timestamp,
) -> Pg<()> {
    let renewed = tx
        .any(
            "UPDATE workers SET usage = $2, heartbeat = $3, lease_until = $4 WHERE id = $1
             RETURNING 1",
            params![worker, AsJson(usage), now, until],
        )
        .await?;
    if renewed {
        Ok(())
    } else {
        Err(StoreError::NotFound(Missing::Worker(worker)).into())
    }
}

/// Its name, for those who read of it.
pub(crate) async fn name(conn: &impl Conn, worker: WorkerId) -> Pg<String> {
    let name = conn
        .first(
            "SELECT name FROM worker_names WHERE id = $1",
            params![worker],
            |row| row.get(0),
        )
        .await?;
    Ok(name.unwrap_or_else(|| worker.to_string()))
}

/// Errs if it is not registered, or was given up. It is not given up before the transaction ends.
pub(crate) async fn need(tx: &Tx, worker: WorkerId) -> Pg<()> {
    if tx.known(|known| known.has_worker(worker)) {
        return Ok(());
    }
    let (sql, params) = staying(worker);
    let is_there = tx.any(sql, params).await?;
    found(tx, worker, is_there)
}

/// Asks whether it is registered, and keeps it so.
pub(crate) fn staying(worker: WorkerId) -> (&'static str, Vec<Value>) {
    (
        "SELECT 1 FROM workers WHERE id = $1 FOR KEY SHARE",
        params![worker],
    )
}

/// What [`staying`] has found.
pub(crate) fn found(tx: &Tx, worker: WorkerId, is_there: bool) -> Pg<()> {
    if !is_there {
        return Err(StoreError::NotFound(Missing::Worker(worker)).into());
    }
    tx.known(|known| known.learn_worker(worker));
    Ok(())
}

pub(crate) async fn list(conn: &impl Conn) -> Pg<Vec<Worker>> {
    conn.all(
        "SELECT id, name, pool, run_limit, pid, host, version, usage, started, heartbeat,
             lease_until
         FROM workers ORDER BY started, id",
        params![],
        worker,
    )
    .await
}

fn worker(row: &Row) -> Pg<Worker> {
    Ok(Worker {
        id: row.get(0)?,
        name: row.get(1)?,
        pool: row.get(2)?,
        limit: row.get(3)?,
        pid: row.get(4)?,
        host: row.get(5)?,
        version: row.get(6)?,
        usage: row.get::<Option<AsJson<_>>>(7)?.map(|AsJson(usage)| usage),
        started: row.get(8)?,
        heartbeat: row.get(9)?,
        lease_until: row.get(10)?,
    })
}

/// Workers whose lease has ended. Asked of a reader, so that looking in vain costs no write.
pub(crate) async fn overdue(conn: &impl Conn, now: Timestamp) -> Pg<Vec<WorkerId>> {
    conn.all(
        "SELECT id FROM workers WHERE lease_until <= $1 ORDER BY id",
        params![now],
        |row| row.get(0),
    )
    .await
}

/// Removes a worker from the list. Returns its name, if it was there.
pub(crate) async fn remove(tx: &Tx, worker: WorkerId, what: WorkerChange) -> Pg<Option<String>> {
    let removed: Option<(String, Option<PoolName>)> = tx
        .first(
            "DELETE FROM workers WHERE id = $1 RETURNING name, pool",
            params![worker],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    tx.known(Known::forget);
    Ok(removed.map(|(name, pool)| {
        tx.change(|changes| changes.worker(worker, &name, pool.as_ref(), what));
        name
    }))
}
