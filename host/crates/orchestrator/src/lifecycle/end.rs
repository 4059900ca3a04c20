//! How runs end, and whom that concerns.
//!
//! ```text
//! run ends --> its watchers' calls settle --> a run that waits for enough of them
//!    |                                        becomes ready
//!    +--> its open task runs end
//!    +--> subflows within it that have not ended, end
//! ```

use std::borrow::Cow;

use super::head::{Head, OriginKey, RunKey, Tally};
use super::plan::{Change, End, GivenBack, News, Plan, Says};
use super::question::{
    EndingSubflow, OpenSubflows, Question, Settling, Waiter, Watchers, WatchersOf,
};
use super::refusal::{Broken, Refusal, check_transition};
use super::settle::settle;
use model::{
    Failure, FailureKind, Outcome, RunId, RunSnapshot, Settlement, State, TaskLine, Timestamp,
    WorkerId,
};

/// What ends of a run, and as what.
pub(super) struct Ending<'p> {
    /// For a subflow: the run that it is part of.
    pub within: Option<RunId>,
    pub origin: OriginKey,
    pub is_limited: bool,
    pub passed: &'p [State],
    pub state: Cow<'p, State>,
    pub outcome: Cow<'p, Outcome>,
    pub attempt: u32,
    /// The worker that lost it, or cleaned up, unless an earlier line names it.
    pub worker: Option<WorkerId>,
    /// With the lines of all these states.
    pub tally: Tally,
}

impl<'p> Ending<'p> {
    /// Of a run that gained nothing else.
    pub(super) fn of(head: &Head, state: Cow<'p, State>, outcome: Cow<'p, Outcome>) -> Self {
        Self {
            within: None,
            origin: head.origin,
            is_limited: head.is_limited,
            passed: &[],
            state,
            outcome,
            attempt: head.attempt,
            worker: None,
            tally: head.tally.with_states(1),
        }
    }
}

/// Makes a run terminal. The caller has checked that it may.
pub(super) fn end<'p>(plan: &mut Plan<'p>, run: RunKey, id: RunId, ending: Ending<'p>) {
    let Ending {
        within,
        origin,
        is_limited,
        passed,
        state,
        outcome,
        attempt,
        worker,
        tally,
    } = ending;
    plan.tell(News::CHANGE);
    plan.change(Change::End(End {
        run,
        id,
        within,
        origin,
        passed,
        state: state.clone(),
        says: Says::of(attempt).by(worker).ending(&outcome),
        outcome: outcome.clone(),
        tally,
    }));
    if is_limited {
        plan.change(Change::GiveBack {
            run,
            at: state.at,
            what: GivenBack::All,
        });
    }
    plan.ask(Question::WatchersOf(WatchersOf {
        run,
        id,
        state: state.clone(),
        outcome: outcome.clone(),
    }));
    if let Err(failure) = &*outcome {
        // No worker executes them any more.
        let line = TaskLine::ended(&Err(failure.clone()), state.at);
        plan.change(Change::EndTaskRuns { run, id, line });
    }
    plan.ask(Question::OpenSubflows(OpenSubflows {
        within: id,
        state,
        outcome,
    }));
}

impl<'p> WatchersOf<'p> {
    /// `None`: no call watches it.
    pub fn answered(self, watchers: Option<Watchers>) -> Plan<'p> {
        let mut plan = Plan::default();
        let Some(watchers) = watchers else {
            return plan;
        };
        let at = self.state.at;
        let settlement = Settlement::Run(RunSnapshot {
            id: self.id,
            name: watchers.name,
            flow: watchers.flow,
            deployment: watchers.deployment,
            state: self.state.kind,
            state_name: self.state.name.clone(),
            outcome: Some(self.outcome.into_owned()),
        });
        let mut last: Option<(RunKey, Waiter)> = None;
        for watcher in watchers.calls {
            let Some(mut call) = watcher.call else {
                continue;
            };
            // A run that watches twice waits for one less each time.
            if let (Some((run, waiter)), Some(stored)) = (last, &mut call.waiter)
                && run == watcher.run
            {
                *stored = waiter;
            }
            let settling = Settling {
                run: watcher.run,
                seq: watcher.seq,
                at,
                settlement: Cow::Owned(settlement.clone()),
            };
            settle(&mut plan, settling, &mut call);
            if let Some(waiter) = call.waiter {
                last = Some((watcher.run, waiter));
            }
        }
        plan.change(Change::ForgetWatchers { target: self.run });
        // A worker that still executes a watcher must hear of it, too.
        plan.tell(News::READY);
        plan
    }
}

impl<'p> OpenSubflows<'p> {
    /// A subflow lives in the sandbox of the run, so it cannot outlive it. It shares the run's
    /// failure; if the run succeeded without waiting for it, it was dropped.
    pub fn answered(self, subflows: Vec<Head>) -> Result<Plan<'p>, Refusal> {
        let mut plan = Plan::default();
        for subflow in subflows {
            let (state, outcome) = match &*self.outcome {
                Err(_) => (self.state.clone(), self.outcome.clone()),
                Ok(_) => {
                    let message = "the flow ended without waiting for this subflow";
                    let outcome = Err(Failure::new(FailureKind::Cancelled, message));
                    let state = State::ended(&outcome, self.state.at);
                    (Cow::Owned(state), Cow::Owned(outcome))
                }
            };
            end_subflow(&mut plan, self.within, &subflow, state, outcome)?;
        }
        Ok(plan)
    }
}

impl<'p> EndingSubflow<'p> {
    /// `None`: there is no such run, or it is not a subflow within that one.
    pub fn answered(self, subflow: Option<Head>) -> Result<Plan<'p>, Refusal> {
        let mut plan = Plan::default();
        let subflow = subflow.ok_or(Broken::NotWithin {
            subflow: self.subflow,
            within: self.within,
        })?;
        let (state, outcome) = (Cow::Borrowed(self.state), Cow::Borrowed(self.outcome));
        end_subflow(&mut plan, self.within, &subflow, state, outcome)?;
        Ok(plan)
    }
}

fn end_subflow<'p>(
    plan: &mut Plan<'p>,
    within: RunId,
    subflow: &Head,
    state: Cow<'p, State>,
    outcome: Cow<'p, Outcome>,
) -> Result<(), Refusal> {
    check_transition(subflow.id, subflow.state, state.kind)?;
    let ending = Ending {
        within: Some(within),
        ..Ending::of(subflow, state, outcome)
    };
    end(plan, subflow.key, subflow.id, ending);
    Ok(())
}

/// How a run ends that was cancelled.
pub(super) fn cancelled(at: Timestamp) -> (State, Outcome) {
    let outcome = Err(Failure::cancelled());
    (State::ended(&outcome, at), outcome)
}
