//! What the code of flows takes of limits: an account beside the store's own, kept from what was
//! recorded and what flows were told.
//!
//! Properties:
//!
//! - Whoever has asked stands in the line, or has its slots, from the record of that until it gives
//!   them back or its attempt is over: while it waits, is suspended or paused, and whichever worker
//!   goes on with it. It keeps its place, which is the time at which it has asked first.
//! - Nobody else is there: neither an earlier attempt nor one that has given back.
//! - A flow that was told that it has its slots has them.

use super::driver::Execution;
use crate::{Permit, Progress};
use model::{FlowRun, LimitName, RunId, Seq, Settlement, Taker, Timestamp};

/// What all flows have taken, or wait for.
#[derive(Default)]
pub(super) struct Holding {
    all: Vec<Taken>,
}

/// What the code of an attempt takes by one of its calls.
pub(super) struct Taken {
    run: RunId,
    attempt: u32,
    seq: Seq,
    pub limit: LimitName,
    pub slots: u32,
    asked: Timestamp,
    /// Whether the flow was told that it has them.
    is_told: bool,
    /// It had nothing then.
    pub since: u64,
}

impl Holding {
    /// What flows have that were told so.
    pub fn told(&self) -> impl Iterator<Item = &Taken> {
        self.all.iter().filter(|it| it.is_told)
    }

    /// Whether anybody has taken of a limit, or waits for some.
    pub fn has_any(&self, limit: &LimitName) -> bool {
        self.all.iter().any(|it| it.limit == *limit)
    }

    /// What attempts had that are over is given back.
    pub fn look(&mut self, runs: &[FlowRun]) {
        self.all.retain(|it| {
            let run = runs.iter().find(|run| run.id == it.run);
            let run = run.expect("runs stay");
            run.attempt == it.attempt && !run.state.kind.is_terminal()
        });
    }

    /// Compares it with what the store says of a limit.
    pub fn compare(&mut self, limit: &LimitName, permits: &[Permit], moment: u64) {
        let mut others: Vec<&Permit> = permits.iter().collect();
        for taken in self.all.iter_mut().filter(|it| it.limit == *limit) {
            let is_it = |it: &&Permit| {
                it.run == taken.run && it.slots == taken.slots && it.asked == taken.asked
            };
            let Some(at) = others.iter().position(is_it) else {
                panic!(
                    "call {} of {} has lost its slots of `{limit}`, or its place: {permits:#?}",
                    taken.seq, taken.run
                );
            };
            let has_it = others.swap_remove(at).granted.is_some();
            assert!(
                has_it || !taken.is_told,
                "call {} of {} was told that it has slots of `{limit}`, and has none",
                taken.seq,
                taken.run
            );
            if !has_it {
                taken.since = moment;
            }
        }
        assert!(
            others.is_empty(),
            "nobody takes these of `{limit}`: {others:#?}"
        );
    }

    /// This was recorded.
    pub fn note(&mut self, execution: &Execution, progress: &Progress, moment: u64) {
        let (run, attempt) = (execution.id, execution.attempt);
        let permits = &progress.permits;
        for (by, _) in &permits.given_back {
            let is_it = |it: &Taken| it.run == run && Taker::Code(it.seq) == *by;
            self.all.retain(|it| !is_it(it));
        }
        for asked in &permits.asked {
            let Taker::Code(seq) = asked.by else { continue };
            let is_it = |it: &Taken| (it.run, it.attempt, it.seq) == (run, attempt, seq);
            if self.all.iter().any(is_it) {
                continue;
            }
            let [taking] = &asked.takes[..] else {
                panic!("a call takes of one limit: {asked:?}");
            };
            self.all.push(Taken {
                run,
                attempt,
                seq,
                limit: taking.limit.clone(),
                slots: taking.slots,
                asked: asked.at,
                is_told: false,
                since: moment,
            });
        }
    }

    /// The flow of an execution may have been told that it has its slots.
    pub fn note_told(&mut self, execution: &Execution) {
        let journal = execution.flow.journal();
        let own = |it: &&mut Taken| it.run == execution.id && it.attempt == execution.attempt;
        for taken in self.all.iter_mut().filter(own) {
            taken.is_told |= journal.settlement(taken.seq) == Some(&Settlement::Slots);
        }
    }
}
