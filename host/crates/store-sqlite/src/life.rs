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
use super::{inputs, permits, pick, workers};
use model::{
    Cancellation, Claim, Claimed, Collision, FlowRun, InputId, Json, Lease, NewRun, Progress,
    Recorded, RunId, StateType, Taking, Timestamp, WorkerChange, WorkerId,
};
use orchestrator::lifecycle::{self, Candidate, Plan, Subject, Why};
use store::{Missing, StoreError, StoreResult};

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
    let mut all = Vec::new();
    let mut held_back = 0;
    while all.len() < claim.count as usize {
        let more = Claim {
            count: claim.count - all.len() as u32,
            ..claim.clone()
        };
        let mut is_done = true;
        for key in pick::ready(tx, &more)? {
            let candidate = candidate(tx, key)?;
            let looked = look_at_limits(tx, &candidate, claim.now)?;
            if looked.may_start {
                let (claimed, plan) = lifecycle::claim(candidate, claim.worker, claim.now)?;
                carry_out(tx, plan)?;
                all.push(claimed);
            } else {
                held_back += 1;
            }
            // Others take the place of those that wait for a limit now, or are over.
            is_done &= looked.may_start && !looked.cancelled_others;
            if looked.cancelled_others {
                break;
            }
        }
        if is_done {
            break;
        }
        if held_back >= HELD_BACK_MAX {
            tx.tell_ready();
            break;
        }
    }
    Ok(all)
}

/// After so many a claim leaves the writer to others, and goes on later.
const HELD_BACK_MAX: usize = 1000;

/// What came of a look at what a run takes.
struct Looked {
    /// Otherwise it waits for a limit, or is over.
    may_start: bool,
    /// Others had to go: perhaps some that were about to be claimed, too.
    cancelled_others: bool,
}

/// Looks whether a run has what it takes of limits. A run that has not waits for that, or is over.
fn look_at_limits(tx: &Tx<'_>, candidate: &Candidate, now: Timestamp) -> StoreResult<Looked> {
    let run = &candidate.run;
    let mut looked = Looked {
        may_start: true,
        cancelled_others: false,
    };
    if run.limits.is_empty() || run.state.kind == StateType::Cancelling {
        return Ok(looked);
    }
    permits::ask(tx, candidate.key, &run.limits, now)?;
    let lacking = permits::lacking(tx, candidate.key, now)?;
    let lacks = |it: &Taking| lacking.contains(&(it.limit.clone(), it.line.clone()));
    let Some(taking) = lifecycle::decisive(&run.limits, lacks) else {
        return Ok(looked);
    };
    if taking.collision == Collision::CancelOld {
        for old in permits::in_the_way(tx, candidate.key, taking)? {
            cancel(tx, old, now)?;
            looked.cancelled_others = true;
        }
        if permits::lacking(tx, candidate.key, now)?.is_empty() {
            return Ok(looked);
        }
    }
    let head = head_of(tx, run.id)?.ok_or(StoreError::NotFound(Missing::Run(run.id)))?;
    let plan = match taking.collision {
        Collision::CancelNew => lifecycle::turn_away(&head, &taking.limit, now)?,
        Collision::Enqueue | Collision::CancelOld => {
            lifecycle::await_slot(&head, &taking.limit, now)?
        }
    };
    carry_out(tx, plan)?;
    looked.may_start = false;
    Ok(looked)
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
    Ok(due.len() as u32 + permits::lapse(tx, now)?)
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
