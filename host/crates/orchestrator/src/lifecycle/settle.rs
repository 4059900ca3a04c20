//! How calls settle, and whom that wakes.
//!
//! ```text
//! a call settles --is it awaited since this epoch?--> one settlement less to wait for
//!                                                        +--> the last one: ready
//! ```
//!
//! A call settles once: whichever settlement comes first stands, and later ones change
//! nothing.

use std::borrow::Cow;

use super::head::RunKey;
use super::plan::{AddEntry, Change, News, Plan, Target};
use super::question::{OpenCall, Question, Settling, Watched, Watching};
use crate::kept::{is_worth_keeping, stays_worth_keeping};
use model::{Answer, Entry, Failure, FailureKind, Seq, Settlement, StateType, Timestamp};

impl<'p> Settling<'p> {
    /// `None`: it has settled already, or there is no such call.
    pub fn answered(self, call: Option<OpenCall>) -> Plan<'p> {
        let mut plan = Plan::default();
        if let Some(mut call) = call {
            settle(&mut plan, self, &mut call);
        }
        plan
    }
}

/// Settles an open call. The waiter is left as it is afterwards, for those who settle more
/// calls of the same run.
pub(super) fn settle<'p>(plan: &mut Plan<'p>, settling: Settling<'p>, call: &mut OpenCall) {
    let Settling {
        run,
        seq,
        at,
        settlement,
    } = settling;
    plan.change(Change::Settle {
        run,
        seq,
        at,
        keep: stays_worth_keeping(call.keep, &settlement),
        settlement,
    });
    let Some(waiter) = &mut call.waiter else {
        return;
    };
    // What it waited for under an earlier epoch does not count.
    if call.awaited != Some(waiter.epoch) {
        return;
    }
    let Some(missing) = waiter.missing.filter(|missing| *missing > 0) else {
        return;
    };
    let left = missing - 1;
    waiter.missing = Some(left);
    if left == 0 && waiter.state == StateType::Waiting {
        plan.change(Change::Wake { run, at });
        plan.tell(News::READY);
    } else {
        plan.change(Change::CountDown { run, left });
    }
}

/// A timer, or an input whose time is over, settles at its own time, however late that is
/// noticed: so timers settle in their order.
pub fn due(run: RunKey, seq: Seq, at: Timestamp, is_input: bool) -> Plan<'static> {
    let settlement = if is_input {
        let message = "nobody gave it in time";
        Settlement::Input(Err(Failure::new(FailureKind::TimedOut, message)))
    } else {
        Settlement::Timer
    };
    let mut plan = Plan::default();
    // A worker that still executes the run must hear of it, too.
    plan.tell(News::READY);
    plan.ask(Question::Settling(Settling {
        run,
        seq,
        at,
        settlement: Cow::Owned(settlement),
    }));
    plan
}

impl<'p> Watching<'p> {
    /// If the run has ended, that is the settlement. Otherwise its end will be.
    pub fn answered(self, watched: Watched) -> Plan<'p> {
        let mut plan = Plan::default();
        let (settled, watches) = match watched.ended {
            Some((at, run)) => (Some((at, Cow::Owned(Settlement::Run(run)))), None),
            None => (None, Some(Target::Run(watched.key))),
        };
        add_entry(&mut plan, self.run, self.entry, settled, watches);
        plan
    }
}

/// Adds an entry that is settled so, or watches that run.
pub(super) fn add_entry<'p>(
    plan: &mut Plan<'p>,
    run: RunKey,
    entry: &'p Entry,
    settled: Option<(Timestamp, Cow<'p, Settlement>)>,
    watches: Option<Target>,
) {
    let due = match entry.answer {
        Answer::Due { at } if settled.is_none() => Some(at),
        Answer::Input { until, .. } if settled.is_none() => until,
        _ => None,
    };
    if due.is_some() {
        // A worker that sleeps until something is due may have to sleep less.
        plan.tell(News::READY);
    }
    let settlement = settled.as_ref().map(|(_, settlement)| &**settlement);
    let keep = is_worth_keeping(&entry.call, &entry.answer, settlement);
    plan.change(Change::AddEntry(AddEntry {
        run,
        entry,
        settled,
        due,
        watches,
        keep,
    }));
}
