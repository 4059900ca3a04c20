//! Slots of limits: who has them, and who waits for them.
//!
//! ```text
//! a run is claimed --> asks for what it takes --> all of it free, and nobody before it?
//!                                                   |- yes --> has it until it is over
//!                                                   `- no --> waits in the line of each limit,
//!                                                             and is not ready
//! a holder is over, a slot's time has passed, a limit is larger --> the first of the line, as
//!                                                   long as it may have all that it asks for
//! ```
//!
//! A run that asks for slots of several limits gets all or none, so that no two runs wait for each
//! other. It waits at its place in each line; nobody passes it in any of them. A limit that is made
//! smaller takes nothing back: nobody gets a slot of it until enough are free.

use std::borrow::Cow;

use super::end::{self, Ending};
use super::head::Head;
use super::plan::{Change, Enter, GivenBack, News, Plan, Says};
use super::refusal::{Refusal, check_transition};
use model::{
    Collision, Failure, FailureKind, LimitName, State, StateName, StateType, Taking, Timestamp,
};

/// What is asked of a line of a limit, and what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitNeed {
    pub slots: u32,
    /// How many there are. None: there is no such limit, and so nothing to wait for.
    pub of: Option<u32>,
    /// How many are taken.
    pub taken: u64,
    /// Whether nobody waits for it that has come before.
    pub is_first: bool,
}

/// Whether whoever asks for all this may have it now.
pub fn may_have(needs: &[LimitNeed]) -> bool {
    let is_free = |need: &LimitNeed| match need.of {
        None => true,
        // Who asks for more than there is has all of it: nobody waits for what never comes. Of a
        // limit without slots nobody has any.
        Some(of) => {
            let wanted = need.slots.min(of.max(1));
            need.is_first && need.taken + u64::from(wanted) <= u64::from(of)
        }
    };
    needs.iter().all(is_free)
}

/// Of what a run takes and `lacks`, what says what becomes of it: what is not waited for comes before
/// what is.
pub fn decisive(takes: &[Taking], lacks: impl Fn(&Taking) -> bool) -> Option<&Taking> {
    let lacking = takes.iter().filter(|taking| lacks(taking));
    lacking.min_by_key(|taking| taking.collision == Collision::Enqueue)
}

/// A run gives back slots, if it may have any. Whoever goes on with it asks for its tasks anew.
pub(super) fn give_back(plan: &mut Plan<'_>, head: &Head, what: GivenBack, at: Timestamp) {
    if head.is_limited {
        plan.change(Change::GiveBack {
            run: head.key,
            at,
            what,
        });
    }
}

/// A run that was about to be claimed waits for a slot instead: it is not ready until it has it.
pub fn await_slot(
    head: &Head,
    limit: &LimitName,
    now: Timestamp,
) -> Result<Plan<'static>, Refusal> {
    let mut plan = Plan::default();
    let name = StateName::AWAITING_CONCURRENCY_SLOT;
    let state = State::new(StateType::Scheduled, name, now).because(in_words(limit));
    check_transition(head.id, head.state, state.kind)?;
    plan.change(Change::Enter(Enter {
        run: head.key,
        id: head.id,
        state,
        says: Says::of(head.attempt),
        states: head.tally.states + 1,
        ready_at: None,
        keeps_lease: false,
        keeps_reservation: true,
        losses: head.losses,
    }));
    plan.tell(News::CHANGE);
    Ok(plan)
}

/// A run that finds no slot, and is not to wait for one, is cancelled.
pub fn turn_away(head: &Head, limit: &LimitName, now: Timestamp) -> Result<Plan<'static>, Refusal> {
    let mut plan = Plan::default();
    let outcome = Err(Failure::new(FailureKind::Cancelled, in_words(limit)));
    let state = State::ended(&outcome, now);
    check_transition(head.id, head.state, state.kind)?;
    let ending = Ending::of(head, Cow::Owned(state), Cow::Owned(outcome));
    end::end(&mut plan, head.key, head.id, ending);
    Ok(plan)
}

fn in_words(limit: &LimitName) -> String {
    match limit.deployment() {
        Some(deployment) => {
            format!("as many runs of `{deployment}` are under way as its concurrency allows")
        }
        None => format!("limit `{limit}` has no free slot"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(slots: u32, of: Option<u32>, taken: u64, is_first: bool) -> LimitNeed {
        LimitNeed {
            slots,
            of,
            taken,
            is_first,
        }
    }

    #[test]
    fn all_or_nothing_and_in_order() {
        let free = need(1, Some(2), 1, true);
        assert!(may_have(&[free, free]));
        assert!(may_have(&[]));
        assert!(may_have(&[need(9, None, 9, false)]), "there is no limit");
        assert!(may_have(&[need(5, Some(2), 0, true)]), "all that there is");
        for other in [
            need(1, Some(2), 2, true),
            need(2, Some(2), 1, true),
            need(5, Some(2), 1, true),
            need(1, Some(2), 0, false),
            // It was made smaller.
            need(1, Some(1), 5, true),
            need(1, Some(0), 0, true),
        ] {
            assert!(!may_have(&[free, other]), "{other:?}");
        }
    }
}
