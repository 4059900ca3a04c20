//! How runs come into being and are claimed.

use rusqlite::Connection;

use super::columns::{AsJson, list};
use super::rows::{RunNo, flow_run, select_flow_run, unsigned};
use super::sql::{Sql, params};
use super::writer::Tx;
use super::{pools, workers};
use model::{
    FlowName, FlowRun, Lease, PoolName, RunId, State, StateName, StateType, Timestamp, WorkerId,
};
use store::{Claim, Claimed, NewRun, StoreError, StoreResult};

pub(super) fn create(tx: &Tx<'_>, runs: &[NewRun]) -> StoreResult<Vec<FlowRun>> {
    check_all(tx, runs)?;
    runs.iter()
        .map(|new| match by_own_key(tx, new)? {
            Some(earlier) => Ok(earlier),
            None => {
                insert_new(tx, new)?;
                Ok(new.run.clone())
            }
        })
        .collect()
}

/// What must hold of any new run but a subflow: somebody can claim it.
pub(super) fn check_all(tx: &Tx<'_>, runs: &[NewRun]) -> StoreResult<()> {
    // Most go to the same pool.
    let mut known = None;
    for new in runs {
        let run = &new.run;
        if run.state.kind != StateType::Scheduled {
            return Err(StoreError::Refused(format!(
                "new flow run {} is {}, not SCHEDULED",
                run.id, run.state.kind
            )));
        }
        let Some(pool) = &run.pool else {
            return Err(StoreError::Refused(format!(
                "new flow run {} has no work pool",
                run.id
            )));
        };
        if known != Some(pool) {
            pools::need(tx, pool)?;
            known = Some(pool);
        }
        if let Some(worker) = new.reserved_for {
            workers::need(tx, worker)?;
        }
    }
    Ok(())
}

fn by_own_key(tx: &Tx<'_>, new: &NewRun) -> StoreResult<Option<FlowRun>> {
    match &new.idempotency_key {
        Some(key) => by_key(tx, &new.run.flow, key),
        None => Ok(None),
    }
}

pub(super) fn by_key(
    conn: &Connection,
    flow: &FlowName,
    key: &str,
) -> StoreResult<Option<FlowRun>> {
    conn.first(
        select_flow_run!("WHERE s.flow = ?1 AND s.idempotency_key = ?2"),
        params![flow, key],
        flow_run,
    )
}

/// A run of a deployment or a file, ready from its time on.
pub(super) fn insert_new(tx: &Tx<'_>, new: &NewRun) -> StoreResult<RunNo> {
    let key = new.idempotency_key.as_deref();
    let no = insert(tx, &new.run, key, new.reserved_for, Some(new.run.scheduled))?;
    tx.tell_ready();
    Ok(no)
}

pub(super) fn insert(
    tx: &Tx<'_>,
    run: &FlowRun,
    key: Option<&str>,
    reserved_for: Option<WorkerId>,
    ready_at: Option<Timestamp>,
) -> StoreResult<RunNo> {
    tx.run(
        "INSERT INTO flow_runs (id, state, state_name, state_message, state_at, states,
             attempt, epoch, started, pool, ready_at, reserved_for)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            run.id,
            run.state.kind,
            run.state.name,
            run.state.message,
            run.state.at,
            run.attempt,
            run.epoch.cast_signed(),
            run.started,
            run.pool,
            ready_at,
            reserved_for
        ],
    )?;
    let no = tx.last_insert_rowid();
    tx.run(
        "INSERT INTO flow_run_specs (no, name, flow, deployment, component, work_queue,
             grants, tags, parent, within, idempotency_key, created, scheduled, parameters)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            no,
            run.name,
            run.flow,
            run.deployment,
            run.component,
            run.work_queue,
            (!run.grants.is_empty()).then_some(AsJson(&run.grants)),
            list(&run.tags),
            run.parent,
            run.within,
            key,
            run.created,
            run.scheduled,
            run.parameters
        ],
    )?;
    add_state(tx, no, 1, &run.state)?;
    Ok(no)
}

/// A line of the run's history; `n` counts from 1.
pub(super) fn add_state(tx: &Tx<'_>, no: RunNo, n: i64, state: &State) -> StoreResult<()> {
    tx.run(
        "INSERT INTO flow_run_states (run, n, state, name, message, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![no, n, state.kind, state.name, state.message, state.at],
    )?;
    Ok(())
}

/// The same, of a state that the run's row has already counted. Asked back in a statement of
/// its own: `RETURNING` would build a table for its one row.
pub(super) fn add_newest_state(tx: &Tx<'_>, no: RunNo, state: &State) -> StoreResult<()> {
    let n = tx.need("SELECT states FROM flow_runs WHERE no = ?1", [no], |row| {
        row.get(0)
    })?;
    add_state(tx, no, n, state)
}

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
        Some(pool) if pools::room(conn, pool, 1)? > 0 => {
            Ok(!ready_in_pool(conn, claim, pool, 1)?.is_empty())
        }
        _ => Ok(false),
    }
}

pub(super) fn claim(tx: &Tx<'_>, claim: &Claim) -> StoreResult<Vec<Claimed>> {
    // One that was given up would hold its runs for ever: nobody would rescue them again.
    workers::need(tx, claim.worker)?;
    let mut ready = reserved(tx, claim)?;
    if let Some(pool) = &claim.pool {
        let wanted = claim.count.saturating_sub(ready.len() as u32);
        let room = pools::room(tx, pool, wanted)?;
        if room > 0 {
            ready.append(&mut ready_in_pool(tx, claim, pool, room)?);
        }
    }
    ready
        .into_iter()
        .map(|no| claim_one(tx, claim, no))
        .collect()
}

fn reserved(conn: &Connection, claim: &Claim) -> StoreResult<Vec<RunNo>> {
    conn.all(
        "SELECT no FROM flow_runs
         WHERE reserved_for = ?1 AND ended IS NULL AND ready_at <= ?2
         ORDER BY ready_at LIMIT ?3",
        params![claim.worker, claim.now, claim.count],
        |row| row.get(0),
    )
}

fn ready_in_pool(
    conn: &Connection,
    claim: &Claim,
    pool: &PoolName,
    count: u32,
) -> StoreResult<Vec<RunNo>> {
    match &claim.work_queue {
        None => conn.all(
            "SELECT no FROM flow_runs
             WHERE pool = ?1 AND reserved_for IS NULL AND ready_at IS NOT NULL
               AND ready_at <= ?2
             ORDER BY ready_at, no LIMIT ?3",
            params![pool, claim.now, count],
            |row| row.get(0),
        ),
        Some(queue) => conn.all(
            "SELECT r.no FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no
             WHERE r.pool = ?1 AND r.reserved_for IS NULL AND r.ready_at IS NOT NULL
               AND r.ready_at <= ?2 AND s.work_queue = ?4
             ORDER BY r.ready_at, r.no LIMIT ?3",
            params![pool, claim.now, count, queue],
            |row| row.get(0),
        ),
    }
}

fn claim_one(tx: &Tx<'_>, claim: &Claim, no: RunNo) -> StoreResult<Claimed> {
    let mut run = tx.need(select_flow_run!("WHERE r.no = ?1"), [no], flow_run)?;
    let (states, journal_len, logged) = tx.need(
        "SELECT states, journal_len, logged FROM flow_runs WHERE no = ?1",
        [no],
        |row| Ok((row.get::<_, i64>(0)?, unsigned(row, 1)?, unsigned(row, 2)?)),
    )?;
    // One that is to be cancelled is claimed for its clean-up, and stays what it is.
    let cancelling = run.state.kind == StateType::Cancelling;
    match run.state.kind {
        StateType::Cancelling => {}
        StateType::Waiting => {
            run.state = State::new(StateType::Pending, StateName::RESUMING, claim.now);
        }
        _ => run.state = State::pending(claim.now),
    }
    run.epoch += 1;
    run.attempt = run.attempt.max(1);
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = NULL,
             state_at = ?4, states = states + ?8, attempt = ?5, epoch = ?6, worker = ?7,
             ready_at = NULL, wake_after = NULL
         WHERE no = ?1",
        params![
            no,
            run.state.kind,
            run.state.name,
            run.state.at,
            run.attempt,
            run.epoch.cast_signed(),
            claim.worker,
            i64::from(!cancelling)
        ],
    )?;
    if !cancelling {
        add_state(tx, no, states + 1, &run.state)?;
    }
    tx.tell_change();
    Ok(Claimed {
        lease: Lease {
            run: run.id,
            worker: claim.worker,
            epoch: run.epoch,
        },
        run,
        journal_len,
        logged,
    })
}

/// Moves a run that nobody writes to under its lease into another state, with its line of
/// history. What else changes with that is up to the caller. That the transition is allowed,
/// too.
pub(super) fn enter(tx: &Tx<'_>, no: RunNo, state: &State) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = states + 1
         WHERE no = ?1",
        params![no, state.kind, state.name, state.message, state.at],
    )?;
    add_newest_state(tx, no, state)?;
    tx.tell_change();
    Ok(())
}

/// Refuses a transition that the table does not have.
pub(super) fn check_transition(run: RunId, from: StateType, to: StateType) -> StoreResult<()> {
    if from.may_become(to) {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "flow run {run} cannot go from {from} to {to}"
    )))
}
