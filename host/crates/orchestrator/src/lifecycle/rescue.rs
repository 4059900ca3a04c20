//! What becomes of the runs of a worker that is gone.

use std::borrow::Cow;

use super::end::{self, Ending};
use super::head::Head;
use super::plan::{Change, Enter, GiveUp, News, Plan, Says};
use super::refusal::{Refusal, check_transition};
use model::{CRASH_RETRIES, Failure, FailureKind, State, StateName, StateType, Timestamp};

/// Why a worker leaves its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
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

/// Takes a run from the worker that had claimed or reserved it. Whether others can claim it
/// now.
pub fn give_back(
    head: &Head,
    worker: &str,
    why: Why,
    now: Timestamp,
) -> Result<(Plan<'static>, bool), Refusal> {
    let mut plan = Plan::default();
    // Its slot is free even if the run cannot be claimed.
    plan.tell(News::READY);
    let given_back = match head.state {
        StateType::Pending | StateType::Running => {
            let crashes = head.crashes + u32::from(why == Why::Lost);
            if crashes > CRASH_RETRIES {
                crash(&mut plan, head, worker, now)?;
                false
            } else {
                let state = State::new(StateType::Scheduled, StateName::RESCUED, now)
                    .because(format!("worker `{worker}` {}", why.verb()));
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
                    crashes,
                }));
                true
            }
        }
        // Another worker goes on with its clean-up.
        StateType::Cancelling => {
            give_up(&mut plan, head, Some(now));
            true
        }
        // It was reserved and stays as it was, for the whole pool.
        StateType::Scheduled => {
            give_up(&mut plan, head, None);
            true
        }
        _ => {
            give_up(&mut plan, head, None);
            false
        }
    };
    Ok((plan, given_back))
}

fn give_up(plan: &mut Plan<'_>, head: &Head, ready_at: Option<Timestamp>) {
    plan.change(Change::GiveUp(GiveUp {
        run: head.key,
        tally: head.tally,
        keeps_reservation: false,
        ready_at,
    }));
}

/// It has taken too many workers with it.
fn crash(plan: &mut Plan<'_>, head: &Head, worker: &str, now: Timestamp) -> Result<(), Refusal> {
    let message = format!("worker `{worker}` was lost, and {CRASH_RETRIES} before it");
    let outcome = Err(Failure::new(FailureKind::Crashed, message));
    let state = State::ended(&outcome, now);
    check_transition(head.id, head.state, state.kind)?;
    give_up(plan, head, None);
    let ending = Ending {
        worker: head.worker,
        ..Ending::of(head, Cow::Owned(state), Cow::Owned(outcome))
    };
    end::end(plan, head.key, head.id, ending);
    Ok(())
}
