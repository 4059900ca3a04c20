//! Who may claim, and what a claim does to a run.

use super::head::{RunKey, Tally};
use super::plan::{Change, Claim, News, Plan};
use super::refusal::{Refusal, check_transition};
use model::{Claimed, FlowRun, Lease, State, StateName, StateType, Timestamp, WorkPool, WorkerId};

/// How many runs, at most `wanted`, a pool has room for. `active` counts the runs that hold
/// one of its slots; it is asked only where that matters.
pub fn room<E>(
    pool: &WorkPool,
    wanted: u32,
    active: impl FnOnce() -> Result<u64, E>,
) -> Result<u32, E> {
    match pool.limit {
        _ if pool.paused => Ok(0),
        None => Ok(wanted),
        Some(limit) => {
            let active = u32::try_from(active()?).unwrap_or(u32::MAX);
            Ok(wanted.min(limit.saturating_sub(active)))
        }
    }
}

/// A ready run, with what a claim needs to know of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub key: RunKey,
    pub run: FlowRun,
    pub tally: Tally,
}

/// The run goes to `Pending`, its epoch rises, and one that never started begins its first
/// attempt. One that is being cancelled is claimed for its clean-up, and stays what it is.
pub fn claim(
    candidate: Candidate,
    worker: WorkerId,
    now: Timestamp,
) -> Result<(Claimed, Plan<'static>), Refusal> {
    let Candidate {
        key,
        mut run,
        tally,
    } = candidate;
    let is_new_line = run.state.kind != StateType::Cancelling;
    if is_new_line {
        let pending = match run.state.kind {
            StateType::Waiting => State::new(StateType::Pending, StateName::RESUMING, now),
            _ => State::pending(now),
        };
        check_transition(run.id, run.state.kind, pending.kind)?;
        run.state = pending;
    }
    run.epoch += 1;
    run.attempt = run.attempt.max(1);
    let mut plan = Plan::default();
    plan.tell(News::CHANGE);
    plan.change(Change::Claim(Claim {
        run: key,
        id: run.id,
        state: run.state.clone(),
        states: tally.states + u64::from(is_new_line),
        is_new_line,
        attempt: run.attempt,
        epoch: run.epoch,
        worker,
    }));
    let lease = Lease {
        run: run.id,
        worker,
        epoch: run.epoch,
    };
    let claimed = Claimed {
        run,
        lease,
        journal_len: tally.journal_len,
        logged: tally.logged,
    };
    Ok((claimed, plan))
}
