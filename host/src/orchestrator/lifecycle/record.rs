//! What a run under lease may record, and what that does: every step of every run goes
//! through here.
//!
//! ```text
//! state of the run   what counts of the record                      where it goes
//! Pending, Running   all of it                                      as it says
//! Cancelling         all that it did, not where it wanted to go     only to its end
//! Paused             all that it did, not where it wanted to go     to its end, or gives up
//!                                                                   its lease
//! ```
//!
//! Everything that can be refused without asking is looked at first, so a refused record has
//! mostly written nothing. Then, in this order, since later ones refer to earlier ones:
//! children and subflows, entries of the journal, settlements, ends of subflows, task runs,
//! log lines, and where the run goes next.

use std::borrow::Cow;

use super::create;
use super::end::{self, EndingSubflow, Ending};
use super::head::{Head, RunKey, Tally};
use super::plan::{Change, Need, News, Plan, Question, Target};
use super::refusal::{Broken, Refusal, check_transition};
use super::settle::{Settling, Watching, add_entry};
use crate::model::{
    Answer, Call, Entry, Lease, NewRun, Next, Outcome, PoolName, Progress, Recorded, RunId, Seq,
    Settlement, State, StateType, SubflowChange, Timestamp,
};

/// What a run has done since the last time. `head`: the run as it is, if there is one.
pub fn record(head: Option<Head>, progress: &Progress) -> Result<Plan<'_>, Refusal> {
    let head = leased(head, progress.lease)?;
    check_rows(&head, progress)?;
    match head.state {
        StateType::Cancelling if !progress.children.is_empty() => {
            let mut plan = Plan::default();
            plan.ask(Question::Cleaning(Cleaning { head, progress }));
            Ok(plan)
        }
        StateType::Cancelling => of_cancelled(&head, progress, Doomed::default()),
        StateType::Paused => of_paused(&head, progress),
        _ => as_asked(&head, progress),
    }
}

/// A late record of an earlier owner is refused.
fn leased(head: Option<Head>, lease: Lease) -> Result<Head, Refusal> {
    head.filter(|head| head.worker == Some(lease.worker) && head.epoch == lease.epoch)
        .ok_or(Refusal::Stale {
            run: lease.run,
            epoch: lease.epoch,
        })
}

/// Where a run goes with a record, and through which states.
enum Goes<'p> {
    On {
        passed: &'p [State],
    },
    Waits {
        passed: &'p [State],
        state: &'p State,
        awaited: &'p [Seq],
        count: u32,
        until: Option<Timestamp>,
    },
    Leaves {
        passed: &'p [State],
        state: &'p State,
        at: Timestamp,
        next_attempt: bool,
    },
    Ends {
        passed: &'p [State],
        state: Cow<'p, State>,
        outcome: Cow<'p, Outcome>,
    },
    /// Stays where it is, without its lease.
    GivesUp,
}

impl<'p> Goes<'p> {
    /// The state it goes to is the last of them.
    fn with(states: &'p [State], next: &'p Next) -> Option<Self> {
        let Some((state, passed)) = states.split_last() else {
            return matches!(next, Next::Continue).then_some(Self::On { passed: states });
        };
        Some(match next {
            Next::Continue => Self::On { passed: states },
            Next::Wait {
                awaited,
                count,
                until,
            } => Self::Waits {
                passed,
                state,
                awaited,
                count: *count,
                until: *until,
            },
            Next::Release { at, next_attempt } => Self::Leaves {
                passed,
                state,
                at: *at,
                next_attempt: *next_attempt,
            },
            Next::End { outcome } => Self::Ends {
                passed,
                state: Cow::Borrowed(state),
                outcome: Cow::Borrowed(outcome),
            },
        })
    }
}

fn as_asked<'p>(head: &Head, progress: &'p Progress) -> Result<Plan<'p>, Refusal> {
    let last = check_states(head.id, head.state, &progress.states)?;
    check_next(head, last, progress)?;
    let goes = Goes::with(&progress.states, &progress.next).ok_or(unfit(head, last, progress))?;
    let mut plan = Plan::default();
    add_rows(&mut plan, head, progress, Doomed::default());
    plan.recorded = Some(Recorded::Done);
    go_on(&mut plan, head, progress, goes);
    Ok(plan)
}

/// All that the run did, but not where it wanted to go: it keeps its slot while it cleans up,
/// and then it is over.
fn of_cancelled<'p>(
    head: &Head,
    progress: &'p Progress,
    doomed: Doomed,
) -> Result<Plan<'p>, Refusal> {
    let mut plan = Plan::default();
    add_rows(&mut plan, head, progress, doomed);
    let goes = match &progress.next {
        Next::End { .. } | Next::Release { .. } => {
            let last = progress.states.last();
            let at = last.ok_or(unfit(head, head.state, progress))?.at;
            let (state, outcome) = end::cancelled(at);
            plan.recorded = Some(Recorded::Done);
            Goes::Ends {
                passed: &[],
                state: Cow::Owned(state),
                outcome: Cow::Owned(outcome),
            }
        }
        Next::Continue | Next::Wait { .. } => {
            plan.recorded = Some(Recorded::Cancelling);
            Goes::On { passed: &[] }
        }
    };
    go_on(&mut plan, head, progress, goes);
    Ok(plan)
}

/// A paused run keeps what it has done, and is left. Only the end of a run stays its end.
fn of_paused<'p>(head: &Head, progress: &'p Progress) -> Result<Plan<'p>, Refusal> {
    let mut plan = Plan::default();
    add_rows(&mut plan, head, progress, Doomed::default());
    let goes = match &progress.next {
        Next::End { .. } => {
            let states = &progress.states[progress.states.len().saturating_sub(1)..];
            // As if it had ended before it was paused.
            let last = check_states(head.id, StateType::Running, states)?;
            check_next(head, last, progress)?;
            plan.recorded = Some(Recorded::Done);
            Goes::with(states, &progress.next).ok_or(unfit(head, last, progress))?
        }
        _ => {
            plan.recorded = Some(Recorded::Paused);
            Goes::GivesUp
        }
    };
    go_on(&mut plan, head, progress, goes);
    Ok(plan)
}

/// Asks whether the journal of a run that is being cancelled has told the flow so already.
#[derive(Debug)]
pub struct Cleaning<'p> {
    head: Head,
    progress: &'p Progress,
}

impl<'p> Cleaning<'p> {
    pub fn run(&self) -> RunKey {
        self.head.key
    }

    /// What a flow starts while it cleans up lives. What it had started by then is cancelled
    /// with it, although it is recorded only now.
    pub fn answered(self, is_told: bool) -> Result<Plan<'p>, Refusal> {
        let told = self
            .progress
            .entries
            .iter()
            .find(|entry| matches!(entry.call, Call::Cancelled { .. }));
        let before = match told {
            _ if is_told => Seq(0),
            Some(told) => told.seq,
            None => Seq(u64::MAX),
        };
        let since = self.head.since;
        of_cancelled(&self.head, self.progress, Doomed { before, since })
    }
}

/// Which children end as they are created: those whose call stands before a place of the
/// journal. None by default.
#[derive(Clone, Copy, Default)]
struct Doomed {
    before: Seq,
    /// When the run around them was cancelled.
    since: Timestamp,
}

impl Doomed {
    /// How the child ends that this call has started, if it does.
    fn end_of(self, child: &NewRun, call: Seq) -> Option<(State, Outcome)> {
        let at = self.since.max(child.run.state.at);
        (call < self.before).then(|| end::cancelled(at))
    }
}

/// Whether a run may go through these states. Where it is then.
fn check_states(run: RunId, from: StateType, states: &[State]) -> Result<StateType, Broken> {
    states.iter().try_fold(from, |from, state| {
        check_transition(run, from, state.kind).map(|()| state.kind)
    })
}

fn check_next(head: &Head, last: StateType, progress: &Progress) -> Result<(), Broken> {
    let run = head.id;
    let fits = match &progress.next {
        Next::Continue => last.holds_slot(),
        Next::Wait { awaited, count, .. } => {
            if *count as usize > awaited.len() {
                return Err(Broken::CountTooHigh(run));
            }
            let journal_len = head.tally.journal_len + progress.entries.len() as u64;
            let is_called = |seq: &&Seq| (1..=journal_len).contains(&seq.0);
            if let Some(call) = awaited.iter().find(|seq| !is_called(seq)) {
                return Err(Broken::NeverCalled { run, call: *call });
            }
            last == StateType::Waiting
        }
        Next::Release { .. } => last == StateType::Scheduled,
        Next::End { outcome } => {
            last.is_terminal() && (last == StateType::Completed) == outcome.is_ok()
        }
    };
    if fits {
        Ok(())
    } else {
        Err(unfit(head, last, progress))
    }
}

fn unfit(head: &Head, state: StateType, progress: &Progress) -> Broken {
    Broken::Next {
        run: head.id,
        state,
        wish: match progress.next {
            Next::Continue => "go on",
            Next::Wait { .. } => "wait",
            Next::Release { .. } => "be released",
            Next::End { .. } => "end with this outcome",
        },
    }
}

/// What must hold of the rows of a record, in whatever state the run is.
fn check_rows(head: &Head, progress: &Progress) -> Result<(), Broken> {
    let run = head.id;
    for (entry, next) in progress.entries.iter().zip(head.tally.journal_len + 1..) {
        if entry.seq != Seq(next) {
            let found = entry.seq;
            return Err(Broken::Gap { run, found, next });
        }
    }
    for change in &progress.subflows {
        if let SubflowChange::Begin(subflow) = change
            && (subflow.within != Some(run) || subflow.state.kind != StateType::Running)
        {
            let subflow = subflow.id;
            return Err(Broken::StrangeSubflow { run, subflow });
        }
    }
    for task_run in &progress.task_runs {
        if task_run.journal != run || task_run.history.is_empty() {
            let task_run = task_run.id;
            return Err(Broken::StrangeTaskRun { run, task_run });
        }
    }
    Ok(())
}

/// Everything but where the run goes.
fn add_rows<'p>(plan: &mut Plan<'p>, head: &Head, progress: &'p Progress, doomed: Doomed) {
    add_children(plan, progress, doomed);
    for change in &progress.subflows {
        if let SubflowChange::Begin(subflow) = change {
            plan.change(Change::AddRun {
                run: subflow,
                key: None,
                reserved_for: None,
                ready_at: None,
            });
        }
    }
    add_entries(plan, head.key, progress, doomed);
    for settled in &progress.settled {
        plan.ask(Question::Settling(Settling {
            run: head.key,
            seq: settled.seq,
            at: settled.at,
            settlement: Cow::Borrowed(&settled.settlement),
        }));
    }
    for change in &progress.subflows {
        if let SubflowChange::End {
            run,
            state,
            outcome,
        } = change
        {
            plan.ask(Question::EndingSubflow(EndingSubflow {
                within: head.id,
                subflow: *run,
                state,
                outcome,
            }));
        }
    }
    for task_run in &progress.task_runs {
        let run = head.key;
        plan.change(Change::PutTaskRun { run, task_run });
    }
    if !progress.logs.is_empty() {
        plan.change(Change::AddLogs {
            run: head.key,
            id: head.id,
            lines: &progress.logs,
        });
    }
    if !progress.is_empty() {
        plan.tell(News::CHANGE);
    }
}
