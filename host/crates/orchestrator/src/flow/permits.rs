//! Tasks that take slots of limits, and flows that do.
//!
//! ```text
//! an attempt is to start --> asks, recorded --> has its slots? -- yes --> starts
//!                                                `- no: waits in line, without a slot of the pool
//! it has ended ------------> gives them back, with the record of that
//! ```
//!
//! Each attempt asks for itself: one that waits for its retry has none. A worker that goes on with a
//! run asks anew for the tasks that it finds open; who is in line keeps its place.
//!
//! What the code of a flow takes is a call of its journal, which settles once the slots are there.
//! The flow has them until it gives them back, whoever executes it, or its attempt is over.

use super::machine::{Asked, Asks, Flow};
use super::step::{Look, Mode, Moment, Step};
use model::{
    Answer, AskedPermit, Call, Entry, Failure, FailureKind, LimitName, Reply, Seq, Settlement,
    Taker, Taking, Timestamp,
};

impl Flow {
    /// Whether an attempt may start as far as limits are concerned. Otherwise it asks.
    pub(super) fn may_start(&mut self, seq: Seq, at: Timestamp) -> bool {
        if self.tasks.permitted.contains(&seq) {
            return true;
        }
        let takes = self.takes(seq);
        if takes.is_empty() {
            return true;
        }
        if self.tasks.asking.insert(seq) {
            self.ask_for_slots(Taker::Task(seq), takes, at);
        }
        false
    }

    fn ask_for_slots(&mut self, by: Taker, takes: Vec<Taking>, at: Timestamp) {
        let permits = &mut self.buffer.progress.permits;
        permits.asked.push(AskedPermit { by, takes, at });
        self.tasks.ask_due = true;
    }

    /// An attempt has ended, or does not begin any more. It may do so before this execution has asked
    /// for it: its result is cached meanwhile, or the flow cancels it.
    pub(super) fn give_back(&mut self, seq: Seq, at: Timestamp) {
        let tasks = &mut self.tasks;
        let may_have_any = [
            tasks.asked_before.remove(&seq),
            tasks.asking.remove(&seq),
            tasks.permitted.remove(&seq),
        ];
        if may_have_any.contains(&true) {
            self.record_back(Taker::Task(seq), at);
        }
    }

    fn record_back(&mut self, by: Taker, at: Timestamp) {
        let permits = &mut self.buffer.progress.permits;
        permits.asked.retain(|asked| asked.by != by);
        permits.given_back.push((by, at));
    }

    /// Looks whether one of those that wait may start, if that may have changed.
    pub(super) fn look_for_permits(&mut self) -> Option<Step> {
        let asking: Vec<Seq> = self.tasks.asking_all().collect();
        if self.tasks.ask_due || asking.is_empty() {
            return None;
        }
        if !std::mem::take(&mut self.tasks.look_due) {
            return None;
        }
        Some(Step::Look(Look::Permitted(asking)))
    }

    /// Starts those that have their slots.
    pub(super) fn permitted(&mut self, calls: Vec<Seq>, at: &mut Moment) -> Asks {
        for seq in calls {
            if self.tasks.taking.remove(&seq) && self.settle(seq, at.now, Settlement::Slots) {
                self.buffer.settle(seq, at.now, Settlement::Slots);
            }
            if self.tasks.asking.remove(&seq) {
                self.tasks.permitted.insert(seq);
                if self.is_locked(seq) {
                    // Whoever had the slot before may have computed the result.
                    self.look_again(seq);
                }
                self.start_task(seq, at.now);
            }
        }
        if std::mem::take(&mut self.tasks.ask_again) {
            for seq in self.tasks.asking.clone() {
                let takes = self.takes(seq);
                self.ask_for_slots(Taker::Task(seq), takes, at.now);
            }
        }
        self.start_ready(at.now);
        self.go_on(at)
    }

    /// The code of the flow takes slots.
    pub(super) fn take_slots(
        &mut self,
        limit: LimitName,
        slots: u32,
        scope: Option<Seq>,
        at: &mut Moment,
    ) -> Asks {
        if slots == 0 {
            let message = format!("no slots are asked of limit `{limit}`: at least 1 is");
            return Err(Failure::new(FailureKind::Invalid, message).into());
        }
        let taking = Taking::some(limit.clone(), slots);
        let call = Call::TakeSlots {
            limit,
            slots,
            scope,
        };
        let seq = match self.look_back(&call)? {
            Asked::Answered(seq, _) => seq,
            Asked::New(_) => self.write(call, Answer::Accepted, at.now),
        };
        if self.journal.settlement(seq).is_none() && self.mode != Mode::PastOnly {
            self.tasks.taking.insert(seq);
            self.ask_for_slots(Taker::Code(seq), vec![taking], at.now);
        }
        Ok(self.answer(Reply::Handle(seq)))
    }

    /// The code of the flow gives back what it has taken, or waits for it no longer.
    pub(super) fn give_slots_back(&mut self, taken: Seq, at: &mut Moment) -> Asks {
        let takes = |entry: &Entry| matches!(entry.call, Call::TakeSlots { .. });
        if !self.journal.is_known(taken) || !self.journal.entry(taken).is_some_and(takes) {
            let message = format!("{taken} has taken no slots");
            return Err(Failure::new(FailureKind::Invalid, message).into());
        }
        let call = Call::GiveSlotsBack { taken };
        let by = Taker::Code(taken);
        if let Asked::New(_) = self.look_back(&call)? {
            self.record_back(by, at.now);
            self.write(call, Answer::Accepted, at.now);
        }
        // Nor does it ask again by the replay.
        self.tasks.taking.remove(&taken);
        let permits = &mut self.buffer.progress.permits;
        permits.asked.retain(|asked| asked.by != by);
        Ok(self.answer(Reply::Done))
    }
}
