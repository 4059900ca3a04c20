//! Who may claim, and what a claim does to a run.

use super::head::{RunKey, Tally};
use super::losses::Losses;
use super::plan::{Change, Claim, News, Plan};
use super::refusal::{Refusal, check_transition};
use model::{
    Claimed, FlowRun, HoldsJson, Json, Lease, State, StateName, StateType, Timestamp, WorkPool,
    WorkerId,
};

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
    pub losses: Losses,
}

impl HoldsJson for Candidate {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.run.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.run.each_json_mut(change);
    }
}

impl Candidate {
    /// As what the worker gets that has it under this lease.
    pub fn claimed(self, lease: Lease) -> Claimed {
        Claimed {
            run: self.run,
            lease,
            journal_len: self.tally.journal_len,
            logged: self.tally.logged,
            alone: self.losses.is_quarantine(),
        }
    }
}

/// The run goes to `Pending`, its epoch rises, and one that never started begins its first
/// attempt. One that is being cancelled is claimed for its clean-up, and stays what it is.
pub fn claim(
    mut candidate: Candidate,
    worker: WorkerId,
    now: Timestamp,
) -> Result<(Claimed, Plan<'static>), Refusal> {
    let (key, tally) = (candidate.key, candidate.tally);
    let alone = candidate.losses.is_quarantine();
    let run = &mut candidate.run;
    let is_new_line = run.state.kind != StateType::Cancelling;
    if is_new_line {
        let mut pending = match run.state.kind {
            StateType::Waiting => State::new(StateType::Pending, StateName::RESUMING, now),
            _ => State::pending(now),
        };
        if alone {
            pending = pending.because("tried alone, in a process of its own");
        }
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
    Ok((candidate.claimed(lease), plan))
}
