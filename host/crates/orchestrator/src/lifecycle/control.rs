//! What a person may do to a run: cancel, pause, resume, retry, delete, and give input.
//!
//! Only a whole run can be controlled. A subflow lives in the sandbox of the run around it,
//! so whatever is done to it would be done to that run.

use std::borrow::Cow;

use super::attempt;
use super::end::{self, Ending};
use super::head::{Head, Subject};
use super::limits::give_back;
use super::plan::{Change, Ended, Enter, GivenBack, News, Plan, Reopen, Says};
use super::question::{Question, Settling};
use super::refusal::{Refusal, check_transition};
use model::{
    Answer, Cancellation, Json, RunId, Seq, Settlement, State, StateName, StateType, Timestamp,
};

/// What it comes to that a run is cancelled, with the family below it that has not ended. If the
/// run itself is in the family, its own [`cancel`] tells.
pub fn cancellation(subject: &Subject, family: &[Head]) -> Result<Cancellation, Refusal> {
    whole(subject)?;
    let state = &subject.state;
    Ok(if !subject.head.state.is_terminal() {
        Cancellation::Told
    } else if family.is_empty() {
        Cancellation::Over(state.clone())
    } else {
        Cancellation::Below(state.clone())
    })
}

/// Cancels one run of a family. What has not begun ends at once; the rest is told, and may
/// clean up.
pub fn cancel(head: &Head, now: Timestamp) -> Result<(Plan<'static>, Cancellation), Refusal> {
    let mut plan = Plan::default();
    if head.state == StateType::Cancelling {
        return Ok((plan, Cancellation::Told));
    }
    let is_leased = head.worker.is_some();
    let has_begun = head.tally.journal_len > 0;
    if !is_leased && !has_begun {
        let (state, outcome) = end::cancelled(now);
        check_transition(head.id, head.state, state.kind)?;
        let ending = Ending::of(head, Cow::Owned(state), Cow::Owned(outcome));
        end::end(&mut plan, head.key, head.id, ending);
        return Ok((plan, Cancellation::Done));
    }
    let state = State::new(StateType::Cancelling, StateName::CANCELLING, now);
    // A run that no worker executes is claimed for its clean-up.
    let ready_at = (!is_leased).then_some(now);
    enter(&mut plan, head, state, ready_at, true)?;
    Ok((plan, Cancellation::Told))
}

/// No worker can claim the run any more. The worker that executes it keeps its lease until it has
/// recorded what it did by then, and stops.
pub fn pause(subject: &Subject, now: Timestamp) -> Result<Plan<'static>, Refusal> {
    whole(subject)?;
    not_over(subject)?;
    let run = subject.head.id;
    match subject.head.state {
        StateType::Paused => return Err(Refusal::Paused { run }),
        StateType::Cancelling => return Err(Refusal::Cancelling { run }),
        _ => {}
    }
    let mut plan = Plan::default();
    let state = State::new(StateType::Paused, StateName::PAUSED, now);
    enter(&mut plan, &subject.head, state, None, true)?;
    let head = &subject.head;
    if head.worker.is_none() {
        // What waits behind it goes on. It asks anew once it is resumed.
        let has_begun = head.tally.started.is_some();
        let what = if has_begun {
            GivenBack::OfTasks
        } else {
            GivenBack::All
        };
        give_back(&mut plan, head, what, now);
    }
    Ok(plan)
}

/// A paused run is ready at once, and goes on by replay. One that has never begun still waits
/// for its time.
pub fn resume(subject: &Subject, now: Timestamp) -> Result<Plan<'static>, Refusal> {
    let mut plan = Plan::default();
    go_on(&mut plan, subject, now)?;
    Ok(plan)
}

fn go_on(plan: &mut Plan<'_>, subject: &Subject, now: Timestamp) -> Result<(), Refusal> {
    let head = &subject.head;
    if head.state != StateType::Paused {
        let (run, state) = (head.id, head.state);
        return Err(Refusal::NotPaused { run, state });
    }
    whole(subject)?;
    if head.worker.is_some() {
        // Whoever executes it has not stopped yet, and does nothing for it any more.
        give_back(plan, head, GivenBack::OfTasks, now);
    }
    let ready_at = if head.tally.started.is_none() {
        subject.scheduled.max(now)
    } else {
        now
    };
    let state = State::scheduled(now).because("resumed");
    enter(plan, head, state, Some(ready_at), false)
}

/// Opens a new attempt of a run that is over.
pub fn retry(
    subject: &Subject,
    from_scratch: bool,
    now: Timestamp,
) -> Result<Plan<'static>, Refusal> {
    whole(subject)?;
    let head = &subject.head;
    needs_end(head)?;
    let mut plan = Plan::default();
    plan.tell(News::READY);
    if from_scratch {
        attempt::make_all_room(&mut plan, head.key, head.attempt);
    } else {
        attempt::make_room(&mut plan, head.key, head.attempt);
    }
    let reason = if from_scratch {
        "retried from scratch"
    } else {
        "retried"
    };
    plan.change(Change::Reopen(Reopen {
        run: head.key,
        id: head.id,
        was: Ended {
            origin: head.origin,
            state: head.state,
            at: head.since,
            started: head.tally.started,
        },
        state: State::scheduled(now).because(reason),
        tally: head.tally.of_next_attempt().with_states(1),
        attempt: head.attempt + 1,
        ready_at: now,
        spent: head.tally.spent_until(head.since),
    }));
    Ok(plan)
}

/// Whether the run may be deleted: once it is over, and not without the run that it is part of.
pub fn may_delete(subject: &Subject) -> Result<(), Refusal> {
    whole(subject)?;
    needs_end(&subject.head)
}

/// Refuses what only a run that is over allows.
fn needs_end(head: &Head) -> Result<(), Refusal> {
    let (run, state) = (head.id, head.state);
    match state {
        StateType::Cancelling => Err(Refusal::Cancelling { run }),
        _ if state.is_terminal() => Ok(()),
        _ => Err(Refusal::NotOver { run, state }),
    }
}

/// Whether a run in this state still takes what it has asked people for.
pub fn awaits_input(state: StateType) -> bool {
    !state.is_terminal() && state != StateType::Cancelling
}

/// The run that made a call in a scope. `root`: the run whose journal has the call; `scope`:
/// what was answered to the call that began the scope, if the call has one.
pub fn asker(root: RunId, scope: Option<&Answer>) -> RunId {
    match scope {
        Some(Answer::Run { run }) => run.id,
        _ => root,
    }
}

/// A value comes for the call of a run. A paused run goes on with it.
pub fn give_input(
    subject: &Subject,
    seq: Seq,
    value: Json,
    now: Timestamp,
) -> Result<Plan<'static>, Refusal> {
    let mut plan = Plan::default();
    // A worker that still executes the run must hear of it, too.
    plan.tell(News::READY);
    plan.ask(Question::Settling(Settling {
        run: subject.head.key,
        seq,
        at: now,
        settlement: Cow::Owned(Settlement::Input(Ok(value))),
    }));
    if subject.head.state == StateType::Paused {
        go_on(&mut plan, subject, now)?;
    }
    Ok(plan)
}

/// Moves the run into another state, in which it waits for nothing.
fn enter(
    plan: &mut Plan<'_>,
    head: &Head,
    state: State,
    ready_at: Option<Timestamp>,
    keeps_lease: bool,
) -> Result<(), Refusal> {
    check_transition(head.id, head.state, state.kind)?;
    plan.tell(News::READY);
    plan.change(Change::Enter(Enter {
        run: head.key,
        id: head.id,
        state,
        says: Says::of(head.attempt),
        states: head.tally.states + 1,
        ready_at,
        keeps_lease,
        keeps_reservation: true,
        losses: head.losses,
    }));
    Ok(())
}

fn whole(subject: &Subject) -> Result<(), Refusal> {
    match subject.within {
        Some(within) => Err(Refusal::Subflow {
            run: subject.head.id,
            within,
        }),
        None => Ok(()),
    }
}

fn not_over(subject: &Subject) -> Result<(), Refusal> {
    let (run, state) = (subject.head.id, subject.head.state);
    if state.is_terminal() {
        Err(Refusal::Over { run, state })
    } else {
        Ok(())
    }
}
