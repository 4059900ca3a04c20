//! What changes the life of a run. Each function loads heads, asks the lifecycle for a plan,
//! and applies it, in one transaction.
//!
//! Where the database chooses among many rows (see [`pick`]), the function goes through what
//! was chosen, one after the other.

use super::apply::carry_out;
use rusqlite::Connection;

use super::load::{by_key, candidate, head_of, subject};
use super::rows::run_by_no;
use super::writer::Tx;
use super::{inputs, pick, workers};
use model::{
    Cancellation, Claim, Claimed, FlowRun, InputId, Json, Lease, NewRun, Progress, Recorded, RunId,
    Timestamp, WorkerChange, WorkerId,
};
use orchestrator::lifecycle::{self, Plan, Subject, Why};
use store::{StoreError, StoreResult};

pub(super) fn create(tx: &Tx<'_>, runs: &[NewRun]) -> StoreResult<Vec<FlowRun>> {
    carry_out(tx, lifecycle::create_needs(runs)?)?;
    let create_one = |new: &NewRun| {
        let earlier = match &new.idempotency_key {
            Some(key) => by_key(tx, &new.run.flow, key)?,
            None => None,
        };
        match earlier {
            Some(earlier) => {
                lifecycle::is_answered_by(new, &earlier)?;
                Ok(earlier)
            }
            None => {
                carry_out(tx, lifecycle::create(new))?;
                Ok(new.run.clone())
            }
        }
    };
    runs.iter().map(create_one).collect()
}

pub(super) fn claim(tx: &Tx<'_>, claim: &Claim) -> StoreResult<Vec<Claimed>> {
    // A worker that was given up would hold its runs for ever: it is not rescued twice.
    workers::need(tx, claim.worker)?;
    let claim_one = |key| {
        let (claimed, plan) = lifecycle::claim(candidate(tx, key)?, claim.worker, claim.now)?;
        carry_out(tx, plan)?;
        Ok(claimed)
    };
    pick::ready(tx, claim)?.into_iter().map(claim_one).collect()
}

pub(super) fn record(tx: &Tx<'_>, progress: &Progress) -> StoreResult<Recorded> {
    let head = head_of(tx, progress.lease.run)?;
    let plan = lifecycle::record(head, progress)?;
    Ok(carry_out(tx, plan)?.unwrap_or(Recorded::Done))
}

/// Cancels the run and, from the top, everything below it that has not ended.
pub(super) fn cancel(tx: &Tx<'_>, id: RunId, now: Timestamp) -> StoreResult<Cancellation> {
    let subject = subject(tx, id)?;
    let family = pick::family(tx, id)?;
    let mut cancellation = lifecycle::cancellation(&subject, &family)?;
    for head in family {
        let (plan, of_this) = lifecycle::cancel(&head, now)?;
        carry_out(tx, plan)?;
        if head.id == id {
            cancellation = of_this;
        }
    }
    Ok(cancellation)
}

pub(super) fn pause(tx: &Tx<'_>, id: RunId, now: Timestamp) -> StoreResult<FlowRun> {
    change(tx, id, |subject| lifecycle::pause(subject, now))
}

pub(super) fn resume(tx: &Tx<'_>, id: RunId, now: Timestamp) -> StoreResult<FlowRun> {
    change(tx, id, |subject| lifecycle::resume(subject, now))
}

pub(super) fn retry(
    tx: &Tx<'_>,
    id: RunId,
    from_scratch: bool,
    now: Timestamp,
) -> StoreResult<FlowRun> {
    change(tx, id, |subject| {
        lifecycle::retry(subject, from_scratch, now)
    })
}

/// The run as it is then.
fn change(
    tx: &Tx<'_>,
    id: RunId,
    decide: impl FnOnce(&Subject) -> Result<Plan<'static>, lifecycle::Refusal>,
) -> StoreResult<FlowRun> {
    let subject = subject(tx, id)?;
    carry_out(tx, decide(&subject)?)?;
    run_by_no(tx, subject.head.key)
}

/// The caller has checked the value.
pub(super) fn give_input(
    tx: &Tx<'_>,
    id: RunId,
    input: InputId,
    value: &Json,
    now: Timestamp,
) -> StoreResult<()> {
    let root = inputs::journal_of(tx, id)?;
    let Some(seq) = inputs::find(tx, &root, id, input)? else {
        return Err(StoreError::InputNotAwaited { run: id });
    };
    let plan = lifecycle::give_input(&root, seq, value.clone(), now)?;
    carry_out(tx, plan)?;
    Ok(())
}

pub(super) fn settle_due(tx: &Tx<'_>, now: Timestamp, count: u32) -> StoreResult<u32> {
    let due = pick::due(tx, now, count)?;
    for call in &due {
        carry_out(
            tx,
            lifecycle::due(call.run, call.seq, call.at, call.is_input),
        )?;
    }
    Ok(due.len() as u32)
}

/// `leases`: what the time of leases is `now`.
pub(super) fn rescue(
    tx: &Tx<'_>,
    lost: &[WorkerId],
    now: Timestamp,
    leases: Timestamp,
) -> StoreResult<Vec<RunId>> {
    let mut lost = lost.to_vec();
    lost.append(&mut workers::overdue(tx, leases)?);
    lost.sort_unstable();
    lost.dedup();
    let mut given_back = Vec::new();
    for worker in lost {
        given_back.append(&mut take_off(tx, worker, &Why::Lost, now)?);
    }
    Ok(given_back)
}

/// A worker that stops gives back what it has.
pub(super) fn sign_off(tx: &Tx<'_>, worker: WorkerId, now: Timestamp) -> StoreResult<Vec<RunId>> {
    take_off(tx, worker, &Why::Stopped, now)
}

fn take_off(tx: &Tx<'_>, worker: WorkerId, why: &Why, now: Timestamp) -> StoreResult<Vec<RunId>> {
    let what = match why {
        Why::Lost => WorkerChange::Lost,
        _ => WorkerChange::SignedOff,
    };
    let name = workers::remove(tx, worker, what)?.unwrap_or_else(|| worker.to_string());
    let heads = pick::of_worker(tx, worker)?;
    tracing::debug!(%worker, name, runs = heads.len(), "worker taken off");
    let mut given_back = Vec::new();
    for (head, settled) in heads {
        let (plan, is_claimable) = lifecycle::give_back(&head, settled, &name, why, now)?;
        carry_out(tx, plan)?;
        if is_claimable {
            given_back.push(head.id);
        }
    }
    Ok(given_back)
}

/// A worker that goes on gives one run back.
pub(super) fn give_back(tx: &Tx<'_>, lease: Lease, why: &Why, now: Timestamp) -> StoreResult<bool> {
    let Some((head, settled)) = pick::leased(tx, lease)? else {
        return Err(StoreError::stale(lease));
    };
    let name = workers::name(tx, lease.worker)?;
    let (plan, is_claimable) = lifecycle::give_back(&head, settled, &name, why, now)?;
    carry_out(tx, plan)?;
    Ok(is_claimable)
}

/// What was claimed under this lease, as it is now.
pub(super) fn claimed(conn: &Connection, lease: Lease) -> StoreResult<Claimed> {
    let Some((head, _)) = pick::leased(conn, lease)? else {
        return Err(StoreError::stale(lease));
    };
    Ok(candidate(conn, head.key)?.claimed(lease))
}
