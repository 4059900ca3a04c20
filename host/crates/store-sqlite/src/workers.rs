//! Workers, their leases, and what becomes of the runs of a lost one.

use rusqlite::Connection;

use super::ending::{self, Gain};
use super::rows::RunNo;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use super::{pools, runs};
use model::{
    CRASH_RETRIES, Failure, FailureKind, RunId, State, StateName, StateType, Timestamp, Worker,
    WorkerId,
};
use store::{Missing, StoreError, StoreResult};

pub(super) fn register(tx: &Tx<'_>, worker: &Worker) -> StoreResult<()> {
    if let Some(pool) = &worker.pool {
        pools::need(tx, pool)?;
    }
    tx.run(
        "INSERT OR REPLACE INTO workers (id, name, pool, run_limit, pid, host, started,
             heartbeat, lease_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            worker.id,
            worker.name,
            worker.pool,
            worker.limit,
            worker.pid,
            worker.host,
            worker.started,
            worker.heartbeat,
            worker.lease_until
        ],
    )?;
    Ok(())
}

pub(super) fn renew(
    tx: &Tx<'_>,
    worker: WorkerId,
    now: Timestamp,
    until: Timestamp,
) -> StoreResult<()> {
    let renewed = tx.run(
        "UPDATE workers SET heartbeat = ?2, lease_until = ?3 WHERE id = ?1",
        params![worker, now, until],
    )?;
    match renewed {
        0 => Err(StoreError::NotFound(Missing::Worker(worker))),
        _ => Ok(()),
    }
}

/// Errs if it is not registered, or was given up.
pub(super) fn need(conn: &Connection, worker: WorkerId) -> StoreResult<()> {
    match conn.any("SELECT 1 FROM workers WHERE id = ?1", [worker])? {
        true => Ok(()),
        false => Err(StoreError::NotFound(Missing::Worker(worker))),
    }
}

pub(super) fn list(conn: &Connection) -> StoreResult<Vec<Worker>> {
    conn.all(
        "SELECT id, name, pool, run_limit, pid, host, started, heartbeat, lease_until
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
        started: row.get(6)?,
        heartbeat: row.get(7)?,
        lease_until: row.get(8)?,
    })
}

/// Workers whose lease has ended. Asked of a reader, so that looking in vain costs no write.
pub(super) fn overdue(conn: &Connection, now: Timestamp) -> StoreResult<Vec<WorkerId>> {
    conn.all(
        "SELECT id FROM workers WHERE lease_until <= ?1",
        [now],
        |row| row.get(0),
    )
}

pub(super) fn rescue(tx: &Tx<'_>, lost: &[WorkerId], now: Timestamp) -> StoreResult<Vec<RunId>> {
    let mut lost = lost.to_vec();
    lost.append(&mut overdue(tx, now)?);
    lost.sort_unstable();
    lost.dedup();
    let mut given_back = Vec::new();
    for worker in lost {
        given_back.append(&mut take_off(tx, worker, Why::Lost, now)?);
    }
    Ok(given_back)
}

/// A worker that stops gives back what it has.
pub(super) fn sign_off(tx: &Tx<'_>, worker: WorkerId, now: Timestamp) -> StoreResult<Vec<RunId>> {
    take_off(tx, worker, Why::Stopped, now)
}

/// Why a worker leaves its runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Stopped,
    /// Perhaps because of one of them.
    Lost,
}

impl Why {
    fn verb(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Lost => "was lost",
        }
    }
}

fn take_off(tx: &Tx<'_>, worker: WorkerId, why: Why, now: Timestamp) -> StoreResult<Vec<RunId>> {
    let name: Option<String> = tx.first(
        "DELETE FROM workers WHERE id = ?1 RETURNING name",
        [worker],
        |row| row.get(0),
    )?;
    let name = name.unwrap_or_else(|| worker.to_string());
    let runs = of_worker(tx, worker)?;
    tracing::debug!(%worker, name, runs = runs.len(), "worker taken off");
    let mut given_back = Vec::new();
    for run in runs {
        if give_back(tx, &run, &name, why, now)? {
            given_back.push(run.id);
        }
    }
    if !given_back.is_empty() {
        tx.tell_ready();
    }
    Ok(given_back)
}

/// A run that a lost worker had claimed or reserved.
struct Left {
    no: RunNo,
    id: RunId,
    state: StateType,
    /// Workers lost with it before.
    crashes: u32,
}

fn of_worker(tx: &Tx<'_>, worker: WorkerId) -> StoreResult<Vec<Left>> {
    // Pool by pool, since that is how the index is ordered: a pool may have very many runs
    // that nobody has claimed. A cross join is done in the order it is written in.
    tx.all(
        "SELECT r.no, r.id, r.state, r.crashes FROM pools p CROSS JOIN flow_runs r
         WHERE r.pool = p.name AND r.worker = ?1 AND r.ended IS NULL
         UNION
         SELECT no, id, state, crashes FROM flow_runs WHERE reserved_for = ?1 AND ended IS NULL",
        [worker],
        |row| {
            Ok(Left {
                no: row.get(0)?,
                id: row.get(1)?,
                state: row.get(2)?,
                crashes: row.get(3)?,
            })
        },
    )
}

/// Whether somebody else can claim it now.
fn give_back(tx: &Tx<'_>, run: &Left, worker: &str, why: Why, now: Timestamp) -> StoreResult<bool> {
    tx.run(
        "UPDATE flow_runs SET worker = NULL, reserved_for = NULL WHERE no = ?1",
        [run.no],
    )?;
    let verb = why.verb();
    match run.state {
        StateType::Pending | StateType::Running => {
            let crashes = run.crashes + u32::from(why == Why::Lost);
            if crashes > CRASH_RETRIES {
                let message = format!("worker `{worker}` was lost, and {CRASH_RETRIES} before it");
                let outcome = Err(Failure::new(FailureKind::Crashed, message));
                let state = State::ended(&outcome, now);
                ending::end(tx, run.no, run.id, Gain::default(), &state, &outcome)?;
                return Ok(false);
            }
            let state = State::new(StateType::Scheduled, StateName::RESCUED, now)
                .because(format!("worker `{worker}` {verb}"));
            runs::check_transition(run.id, run.state, state.kind)?;
            runs::enter(tx, run.no, &state)?;
            tx.run(
                "UPDATE flow_runs SET ready_at = ?2, crashes = ?3 WHERE no = ?1",
                params![run.no, now, crashes],
            )?;
            Ok(true)
        }
        // Somebody else goes on with its clean-up.
        StateType::Cancelling => {
            tx.run(
                "UPDATE flow_runs SET ready_at = ?2 WHERE no = ?1",
                params![run.no, now],
            )?;
            Ok(true)
        }
        // Was reserved and stays as it was, for the whole pool.
        StateType::Scheduled => Ok(true),
        _ => Ok(false),
    }
}
