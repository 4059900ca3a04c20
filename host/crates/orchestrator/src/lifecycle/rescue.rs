//! What becomes of runs that lose their worker, or that it gives back.

use std::borrow::Cow;

use super::end::{self, Ending};
use super::head::Head;
use super::limits;
use super::losses::{Losses, Reached};
use super::plan::{Change, Enter, GiveUp, GivenBack, News, Plan, Says};
use super::refusal::{Refusal, check_transition};
use model::{Failure, FailureKind, LOSSES_BEFORE_ALONE, State, StateName, StateType, Timestamp};

/// Why a run leaves its worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Stopped,
    /// Perhaps because of one of its runs.
    Lost,
    /// The worker goes on, but has forgotten the run.
    Forgotten,
    /// The process that executed nothing but this run has ended, and its worker goes on. What was
    /// seen of it, to be said of the process.
    Alone(String),
    /// The worker could not begin with it, for this reason.
    Unable(String),
}

/// Takes a run from the worker that had claimed or reserved it. Whether others can claim it
/// now. `settled`: how many of its calls have outcomes.
pub fn give_back(
    head: &Head,
    settled: u64,
    worker: &str,
    why: &Why,
    now: Timestamp,
) -> Result<(Plan<'static>, bool), Refusal> {
    let mut plan = Plan::default();
    // Its slot is free even if the run cannot be claimed.
    plan.tell(News::READY);
    // A worker that goes on with its tasks asks for them anew.
    limits::give_back(&mut plan, head, GivenBack::OfTasks, now);
    let reached = head.reached(settled);
    let losses = losses_after(head, reached, why);
    if let Some(seen) = guilt(head, reached, why) {
        crash(&mut plan, head, seen, now)?;
        return Ok((plan, false));
    }
    let given_back = match head.state {
        StateType::Pending | StateType::Running => {
            let state = State::new(StateType::Scheduled, StateName::RESCUED, now)
                .because(message(worker, why, losses));
            check_transition(head.id, head.state, state.kind)?;
            plan.change(Change::Enter(Enter {
                run: head.key,
                id: head.id,
                state,
                says: Says::of(head.attempt).by(head.worker),
                states: head.tally.states + 1,
                ready_at: Some(now),
                keeps_lease: false,
                keeps_reservation: false,
                losses,
            }));
            true
        }
        // Another worker goes on with its clean-up.
        StateType::Cancelling => {
            give_up(&mut plan, head, losses, Some(now));
            true
        }
        // It was reserved and stays as it was, for the whole pool.
        StateType::Scheduled => {
            give_up(&mut plan, head, head.losses, None);
            true
        }
        _ => {
            give_up(&mut plan, head, losses, None);
            false
        }
    };
    Ok((plan, given_back))
}

/// What counts afterwards. Only what was leased has been executed.
fn losses_after(head: &Head, reached: Reached, why: &Why) -> Losses {
    match why {
        Why::Lost | Why::Forgotten | Why::Alone(_) if head.worker.is_some() => {
            head.losses.and(reached)
        }
        _ => head.losses,
    }
}

/// What was seen of a run that was lost alone, and without progress. One that is paused is left so.
fn guilt<'w>(head: &Head, reached: Reached, why: &'w Why) -> Option<&'w str> {
    match why {
        Why::Alone(seen) if head.state.holds_slot() && !head.losses.has_got_further(reached) => {
            Some(seen)
        }
        _ => None,
    }
}

fn message(worker: &str, why: &Why, losses: Losses) -> String {
    let seen = match why {
        Why::Stopped => return format!("worker `{worker}` stopped"),
        Why::Unable(why) => return format!("worker `{worker}` could not execute it: {why}"),
        Why::Alone(seen) => {
            return format!("{seen} while it was executed alone, but the run had made progress");
        }
        Why::Lost => format!("worker `{worker}` was lost"),
        Why::Forgotten => format!("worker `{worker}` did not execute it any more"),
    };
    match losses.count {
        count if count < LOSSES_BEFORE_ALONE => seen,
        2 => format!("{seen}, the second time without progress; the run will be tried alone"),
        count => format!("{seen}, {count} times without progress; the run will be tried alone"),
    }
}

fn give_up(plan: &mut Plan<'_>, head: &Head, losses: Losses, ready_at: Option<Timestamp>) {
    plan.change(Change::GiveUp(GiveUp {
        run: head.key,
        tally: head.tally,
        losses,
        keeps_reservation: false,
        ready_at,
    }));
}

/// It is what ended its workers.
fn crash(plan: &mut Plan<'_>, head: &Head, seen: &str, now: Timestamp) -> Result<(), Refusal> {
    let before = match head.losses.count {
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    };
    let message =
        format!("{seen} while it was executed alone; its worker was lost {before} before");
    let outcome = Err(Failure::new(FailureKind::Crashed, message));
    let state = State::ended(&outcome, now);
    check_transition(head.id, head.state, state.kind)?;
    give_up(plan, head, head.losses, None);
    let ending = Ending {
        worker: head.worker,
        ..Ending::of(head, Cow::Owned(state), Cow::Owned(outcome))
    };
    end::end(plan, head.key, head.id, ending);
    Ok(())
}
