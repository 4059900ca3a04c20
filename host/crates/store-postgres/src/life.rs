//! What changes the life of a run. Each function loads heads, asks the lifecycle for a plan, and
//! applies it, in one transaction.
//!
//! Where the database chooses among many rows (see [`pick`]), the function goes through what was
//! chosen, one after the other.

use super::apply::carry_out;
use super::load::{by_key, head_of, subject};
use super::rows::run_by_no;
use super::{inputs, permits, pick, workers};
use crate::error::Pg;
use crate::sql::Conn;
use crate::tx::Tx;
use model::{
    Cancellation, Claim, Claimed, Collision, FlowRun, InputId, Json, Lease, NewRun, Progress,
    Recorded, RunId, StateType, Taking, Timestamp, WorkerChange, WorkerId,
};
use orchestrator::lifecycle::{self, Candidate, News, Plan, Subject, Why};
use store::{Missing, StoreError};

pub(crate) async fn create(tx: &Tx, runs: &[NewRun]) -> Pg<Vec<FlowRun>> {
    tx.expect_runs(runs.len());
    carry_out(tx, lifecycle::create_needs(runs)?).await?;
    let mut created = Vec::with_capacity(runs.len());
    for new in runs {
        let earlier = match &new.idempotency_key {
            Some(key) => by_key(tx, &new.run.flow, key).await?,
            None => None,
        };
        created.push(match earlier {
            Some(earlier) => {
                lifecycle::is_answered_by(new, &earlier)?;
                earlier
            }
            None => {
                carry_out(tx, lifecycle::create(new)).await?;
                new.run.clone()
            }
        });
    }
    Ok(created)
}

pub(crate) async fn claim(tx: &Tx, claim: &Claim) -> Pg<Vec<Claimed>> {
    let mut all = Vec::new();
    let mut held_back = 0;
    while all.len() < claim.count as usize {
        let more = Claim {
            count: claim.count - all.len() as u32,
            ..claim.clone()
        };
        let mut is_done = true;
        for candidate in pick::ready(tx, &more).await? {
            let looked = look_at_limits(tx, &candidate, claim.now).await?;
            if looked.may_start {
                let (claimed, plan) = lifecycle::claim(candidate, claim.worker, claim.now)?;
                carry_out(tx, plan).await?;
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
            tx.tell(News::READY);
            break;
        }
    }
    Ok(all)
}

/// After so many a claim lets others have their turn, and goes on later.
const HELD_BACK_MAX: usize = 1000;

/// What came of a look at what a run takes.
struct Looked {
    /// Otherwise it waits for a limit, or is over.
    may_start: bool,
    /// Others had to go: perhaps some that were about to be claimed, too.
    cancelled_others: bool,
}

/// Looks whether a run has what it takes of limits. A run that has not waits for that, or is over.
async fn look_at_limits(tx: &Tx, candidate: &Candidate, now: Timestamp) -> Pg<Looked> {
    let run = &candidate.run;
    let mut looked = Looked {
        may_start: true,
        cancelled_others: false,
    };
    if run.limits.is_empty() || run.state.kind == StateType::Cancelling {
        return Ok(looked);
    }
    permits::ask(tx, candidate.key, &run.limits, now).await?;
    let lacking = permits::lacking(tx, candidate.key, now).await?;
    let lacks = |it: &Taking| lacking.contains(&(it.limit.clone(), it.line.clone()));
    let Some(taking) = lifecycle::decisive(&run.limits, lacks) else {
        return Ok(looked);
    };
    if taking.collision == Collision::CancelOld {
        for old in permits::in_the_way(tx, candidate.key, taking).await? {
            cancel(tx, old, now).await?;
            looked.cancelled_others = true;
        }
        if permits::lacking(tx, candidate.key, now).await?.is_empty() {
            return Ok(looked);
        }
    }
    let missing = StoreError::NotFound(Missing::Run(run.id));
    let head = head_of(tx, run.id).await?.ok_or(missing)?;
    let plan = match taking.collision {
        Collision::CancelNew => lifecycle::turn_away(&head, &taking.limit, now)?,
        Collision::Enqueue | Collision::CancelOld => {
            lifecycle::await_slot(&head, &taking.limit, now)?
        }
    };
    carry_out(tx, plan).await?;
    looked.may_start = false;
    Ok(looked)
}

pub(crate) async fn record(tx: &Tx, progress: &Progress) -> Pg<Recorded> {
    tx.expect_runs(progress.children.len() + progress.subflows.len());
    let head = head_of(tx, progress.lease.run).await?;
    let plan = lifecycle::record(head, progress)?;
    Ok(carry_out(tx, plan).await?.unwrap_or(Recorded::Done))
}

/// Cancels the run and, from the top, everything below it that has not ended.
pub(crate) async fn cancel(tx: &Tx, id: RunId, now: Timestamp) -> Pg<Cancellation> {
    let subject = subject(tx, id).await?;
    let family = pick::family(tx, id).await?;
    let mut cancellation = lifecycle::cancellation(&subject, &family)?;
    for head in family {
        let (plan, of_this) = lifecycle::cancel(&head, now)?;
        carry_out(tx, plan).await?;
        if head.id == id {
            cancellation = of_this;
        }
    }
    Ok(cancellation)
}

pub(crate) async fn pause(tx: &Tx, id: RunId, now: Timestamp) -> Pg<FlowRun> {
    change(tx, id, |subject| lifecycle::pause(subject, now)).await
}

pub(crate) async fn resume(tx: &Tx, id: RunId, now: Timestamp) -> Pg<FlowRun> {
    change(tx, id, |subject| lifecycle::resume(subject, now)).await
}

pub(crate) async fn retry(tx: &Tx, id: RunId, from_scratch: bool, now: Timestamp) -> Pg<FlowRun> {
    change(tx, id, |subject| {
        lifecycle::retry(subject, from_scratch, now)
    })
    .await
}

/// The run as it is then.
async fn change(
    tx: &Tx,
    id: RunId,
    decide: impl FnOnce(&Subject) -> Result<Plan<'static>, lifecycle::Refusal> + Send,
) -> Pg<FlowRun> {
    let subject = subject(tx, id).await?;
    carry_out(tx, decide(&subject)?).await?;
    run_by_no(tx, subject.head.key).await
}

/// The caller has checked the value.
pub(crate) async fn give_input(
    tx: &Tx,
    id: RunId,
    input: InputId,
    value: &Json,
    now: Timestamp,
) -> Pg<()> {
    let root = inputs::journal_of(tx, id).await?;
    let Some(seq) = inputs::find(tx, &root, id, input).await? else {
        return Err(StoreError::InputNotAwaited { run: id }.into());
    };
    let plan = lifecycle::give_input(&root, seq, value.clone(), now)?;
    carry_out(tx, plan).await?;
    Ok(())
}

pub(crate) async fn settle_due(tx: &Tx, now: Timestamp, count: u32) -> Pg<u32> {
    let due = pick::due(tx, now, count).await?;
    for call in &due {
        let plan = lifecycle::due(call.run, call.seq, call.at, call.is_input);
        carry_out(tx, plan).await?;
    }
    Ok(due.len() as u32 + permits::lapse(tx, now).await?)
}

pub(crate) async fn rescue(tx: &Tx, lost: &[WorkerId], now: Timestamp) -> Pg<Vec<RunId>> {
    let mut lost = lost.to_vec();
    lost.append(&mut workers::overdue(tx, now).await?);
    lost.sort_unstable();
    lost.dedup();
    let mut given_back = Vec::new();
    for worker in lost {
        given_back.append(&mut take_off(tx, worker, &Why::Lost, now).await?);
    }
    Ok(given_back)
}

/// A worker that stops gives back what it has.
pub(crate) async fn sign_off(tx: &Tx, worker: WorkerId, now: Timestamp) -> Pg<Vec<RunId>> {
    take_off(tx, worker, &Why::Stopped, now).await
}

async fn take_off(tx: &Tx, worker: WorkerId, why: &Why, now: Timestamp) -> Pg<Vec<RunId>> {
    let what = match why {
        Why::Lost => WorkerChange::Lost,
        _ => WorkerChange::SignedOff,
    };
    let name = workers::remove(tx, worker, what).await?;
    let name = name.unwrap_or_else(|| worker.to_string());
    let heads = pick::of_worker(tx, worker).await?;
    tracing::debug!(%worker, name, runs = heads.len(), "worker taken off");
    let mut given_back = Vec::new();
    for (head, settled) in heads {
        let (plan, is_claimable) = lifecycle::give_back(&head, settled, &name, why, now)?;
        carry_out(tx, plan).await?;
        if is_claimable {
            given_back.push(head.id);
        }
    }
    Ok(given_back)
}

/// A worker that goes on gives one run back.
pub(crate) async fn give_back(tx: &Tx, lease: Lease, why: &Why, now: Timestamp) -> Pg<bool> {
    let Some((head, settled)) = pick::leased(tx, lease).await? else {
        return Err(StoreError::stale(lease).into());
    };
    let name = workers::name(tx, lease.worker).await?;
    let (plan, is_claimable) = lifecycle::give_back(&head, settled, &name, why, now)?;
    carry_out(tx, plan).await?;
    Ok(is_claimable)
}

/// What was claimed under this lease, as it is now.
pub(crate) async fn claimed(conn: &impl Conn, lease: Lease) -> Pg<Claimed> {
    match pick::claimed(conn, lease).await? {
        Some(candidate) => Ok(candidate.claimed(lease)),
        None => Err(StoreError::stale(lease).into()),
    }
}
