//! What a run under lease may record, and where it goes with that: every step of every run
//! goes through here.
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
//! mostly written nothing. Then come the rows of the record (see [`rows`](super::rows)), and
//! last where the run goes.

use std::borrow::Cow;
use std::time::Duration;

use super::attempt;
use super::end::{self, Ending};
use super::head::{Head, Tally};
use super::limits::give_back;
use super::plan::{Advance, Change, GiveUp, GivenBack, Leave, News, Plan, Says};
use super::question::{Cleaning, Question, SlotFreed, Waiting, Wish};
use super::refusal::{Broken, Refusal, check_transition};
use super::rows::{self, Doomed};
use model::{
    Call, Entry, Failure, Lease, Next, Outcome, PoolName, Progress, Recorded, Seq, State,
    StateType, Timestamp, WorkerId,
};

/// What a run has done since the last time. `head`: the run as it is, if there is one.
pub fn record(head: Option<Head>, progress: &Progress) -> Result<Plan<'_>, Refusal> {
    let mut head = leased(head, progress.lease)?;
    rows::check(&head, progress)?;
    // What asks for its first slot may be stopped, or end, with the same record.
    head.is_limited |= !progress.permits.asked.is_empty();
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

/// Where a run goes with a record. `passed` are states that it only passes through.
enum Goes<'p> {
    /// Stays under lease; the last of the states is where it is.
    On { states: &'p [State] },
    Waits {
        passed: &'p [State],
        state: &'p State,
        wish: Wish<'p>,
    },
    Leaves {
        passed: &'p [State],
        state: &'p State,
        at: Timestamp,
        failed: Option<&'p Failure>,
    },
    Ends {
        passed: &'p [State],
        state: Cow<'p, State>,
        outcome: Cow<'p, Outcome>,
        /// No line of its history names it.
        worker: Option<WorkerId>,
    },
    /// Stays where it is, without its lease.
    GivesUp,
}

impl<'p> Goes<'p> {
    /// The last of the states is the one it goes to. `None`: it needs one, and has none.
    fn with(states: &'p [State], next: &'p Next) -> Option<Self> {
        if let Next::Continue = next {
            return Some(Self::On { states });
        }
        let (state, passed) = states.split_last()?;
        Some(match next {
            Next::Continue => Self::On { states },
            Next::Wait {
                awaited,
                count,
                until,
                waits,
            } => Self::Waits {
                passed,
                state,
                wish: Wish {
                    awaited,
                    count: *count,
                    until: *until,
                    waits,
                },
            },
            Next::Release { at, failed } => Self::Leaves {
                passed,
                state,
                at: *at,
                failed: failed.as_ref(),
            },
            Next::End { outcome } => Self::Ends {
                passed,
                state: Cow::Borrowed(state),
                outcome: Cow::Borrowed(outcome),
                worker: None,
            },
        })
    }
}

fn as_asked<'p>(head: &Head, progress: &'p Progress) -> Result<Plan<'p>, Refusal> {
    let goes = checked(head, head.state, &progress.states, progress)?;
    let mut plan = Plan::default();
    rows::add(&mut plan, head, progress, Doomed::default());
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
    rows::add(&mut plan, head, progress, doomed);
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
                // Its claim for the clean-up was no line.
                worker: head.worker,
            }
        }
        Next::Continue | Next::Wait { .. } => {
            plan.recorded = Some(Recorded::Cancelling);
            Goes::On { states: &[] }
        }
    };
    go_on(&mut plan, head, progress, goes);
    Ok(plan)
}

impl<'p> Cleaning<'p> {
    /// What a flow starts while it cleans up lives. What it had started before it was told is
    /// cancelled with it, although it is recorded only now.
    pub fn answered(self, is_told: bool) -> Result<Plan<'p>, Refusal> {
        let is_mark = |entry: &&Entry| matches!(entry.call, Call::Cancelled { .. });
        let mark = self.progress.entries.iter().find(is_mark);
        let before = match mark {
            _ if is_told => Seq(0),
            Some(mark) => mark.seq,
            None => Seq(u64::MAX),
        };
        let since = self.head.since;
        of_cancelled(&self.head, self.progress, Doomed { before, since })
    }
}

/// A paused run keeps what it has done, and is left. Only the end of a run stays its end.
fn of_paused<'p>(head: &Head, progress: &'p Progress) -> Result<Plan<'p>, Refusal> {
    let (goes, recorded) = if let Next::End { .. } = progress.next {
        let last = &progress.states[progress.states.len().saturating_sub(1)..];
        // As if it had ended before it was paused.
        let goes = checked(head, StateType::Running, last, progress)?;
        (goes, Recorded::Done)
    } else {
        (Goes::GivesUp, Recorded::Paused)
    };
    let mut plan = Plan::default();
    rows::add(&mut plan, head, progress, Doomed::default());
    plan.recorded = Some(recorded);
    go_on(&mut plan, head, progress, goes);
    Ok(plan)
}

/// Where the run goes from this state through those, if it may.
fn checked<'p>(
    head: &Head,
    from: StateType,
    states: &'p [State],
    progress: &'p Progress,
) -> Result<Goes<'p>, Broken> {
    let mut last = from;
    for state in states {
        check_transition(head.id, last, state.kind)?;
        last = state.kind;
    }
    check_next(head, last, progress)?;
    Goes::with(states, &progress.next).ok_or(unfit(head, last, progress))
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

/// What the run's row counts after the record, but for lines of history.
///
/// A run that was stopped before it said that it is running has begun all the same, and
/// every replay of it must begin at the same time.
fn tally(before: Tally, progress: &Progress) -> Tally {
    let is_start = |state: &&State| state.kind == StateType::Running;
    let started = progress.states.iter().find(is_start).map(|state| state.at);
    Tally {
        states: before.states,
        started: before.started.or(started),
        journal_len: before.journal_len + progress.entries.len() as u64,
        logged: before.logged + progress.logged,
    }
}

fn go_on<'p>(plan: &mut Plan<'p>, head: &Head, progress: &'p Progress, goes: Goes<'p>) {
    let run = head.key;
    let tally = tally(head.tally, progress);
    match goes {
        Goes::On { states } => {
            let gained = Advance {
                run,
                id: head.id,
                states,
                says: Says::of(head.attempt),
                tally,
            };
            advance(plan, gained, head.tally);
        }
        Goes::Waits {
            passed,
            state,
            wish,
        } => plan.ask(Question::Waiting(Waiting {
            run,
            id: head.id,
            wish,
            passed,
            state,
            before: head.tally,
            tally,
            attempt: head.attempt,
            epoch: head.epoch,
            pool: head.pool.clone(),
            permits: &progress.permits.awaited,
        })),
        Goes::Leaves {
            passed,
            state,
            at,
            failed,
        } => {
            give_back(plan, head, GivenBack::OfTasks, state.at);
            if failed.is_some() {
                // The next attempt asks anew.
                give_back(plan, head, GivenBack::OfCode, state.at);
            }
            let leaves = Leaves { passed, state, at };
            leave(plan, head, leaves, failed, tally);
        }
        Goes::Ends {
            passed,
            state,
            outcome,
            worker,
        } => {
            let ending = Ending {
                within: None,
                origin: head.origin,
                is_limited: head.is_limited,
                passed,
                state,
                outcome,
                attempt: head.attempt,
                worker,
                tally: tally.with_states(passed.len() + 1),
            };
            end::end(plan, run, head.id, ending);
            free_slot(plan, head.pool.clone());
        }
        Goes::GivesUp => {
            give_back(plan, head, GivenBack::OfTasks, head.since);
            plan.change(Change::GiveUp(GiveUp {
                run,
                tally,
                losses: head.losses,
                keeps_reservation: true,
                ready_at: None,
            }));
            free_slot(plan, head.pool.clone());
        }
    }
}

/// How a run leaves its worker.
struct Leaves<'p> {
    passed: &'p [State],
    state: &'p State,
    at: Timestamp,
}

/// The run can be claimed again later: for its next attempt, if this one has failed.
fn leave<'p>(
    plan: &mut Plan<'p>,
    head: &Head,
    leaves: Leaves<'p>,
    failed: Option<&'p Failure>,
    tally: Tally,
) {
    let Leaves { passed, state, at } = leaves;
    let (run, next_attempt) = (head.key, failed.is_some());
    let (tally, spent) = if next_attempt {
        (tally.of_next_attempt(), tally.spent_until(state.at))
    } else {
        (tally, Duration::ZERO)
    };
    plan.change(Change::Leave(Leave {
        run,
        id: head.id,
        passed,
        state,
        says: Says {
            cause: failed.map(Cow::Borrowed),
            ..Says::of(head.attempt)
        },
        tally: tally.with_states(passed.len() + 1),
        attempt: head.attempt + u32::from(next_attempt),
        ready_at: Some(at),
        missing: None,
        spent,
    }));
    if next_attempt {
        attempt::make_room(plan, run, head.attempt);
    }
    plan.tell(News::READY);
}

/// `gained.tally` does not count the new lines of history yet.
fn advance<'p>(plan: &mut Plan<'p>, gained: Advance<'p>, before: Tally) {
    let tally = gained.tally.with_states(gained.states.len());
    if tally != before {
        plan.change(Change::Advance(Advance { tally, ..gained }));
    }
}

fn free_slot(plan: &mut Plan<'_>, pool: Option<PoolName>) {
    if let Some(pool) = pool.filter(|_| !plan.news.ready) {
        plan.ask(Question::SlotFreed(SlotFreed { pool }));
    }
}

impl<'p> Waiting<'p> {
    /// The run leaves, unless enough has settled already: then it goes on, and never was in
    /// the state that it wanted to wait in.
    /// `is_permitted`: whether a call has the slots by now that it waits for.
    pub fn answered(self, open: Vec<Seq>, is_permitted: bool) -> Plan<'p> {
        let mut plan = Plan::default();
        let settled = (self.wish.awaited.len() - open.len()) as u64;
        let missing = u64::from(self.wish.count).saturating_sub(settled);
        if missing == 0 || is_permitted {
            let gained = Advance {
                run: self.run,
                id: self.id,
                states: self.passed,
                says: Says::of(self.attempt),
                tally: self.tally,
            };
            advance(&mut plan, gained, self.before);
            plan.recorded = Some(Recorded::Ready);
            return plan;
        }
        plan.change(Change::Await {
            run: self.run,
            calls: open,
            epoch: self.epoch,
        });
        plan.change(Change::Leave(Leave {
            run: self.run,
            id: self.id,
            passed: self.passed,
            state: self.state,
            says: Says {
                waits: Some(self.wish.waits),
                ..Says::of(self.attempt)
            },
            tally: self.tally.with_states(self.passed.len() + 1),
            attempt: self.attempt,
            ready_at: self.wish.until,
            missing: Some(missing),
            spent: Duration::ZERO,
        }));
        if self.wish.until.is_some() {
            // A worker that sleeps until something is due may have to sleep less.
            plan.tell(News::READY);
        }
        free_slot(&mut plan, self.pool);
        plan
    }
}

impl SlotFreed {
    pub fn answered(self, is_limited: bool) -> Plan<'static> {
        let mut plan = Plan::default();
        if is_limited {
            plan.tell(News::READY);
        }
        plan
    }
}
