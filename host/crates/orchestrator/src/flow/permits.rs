//! Tasks that take slots of limits.
//!
//! ```text
//! an attempt is to start --> asks, recorded --> has its slots? -- yes --> starts
//!                                                `- no: waits in line, without a slot of the pool
//! it has ended ------------> gives them back, with the record of that
//! ```
//!
//! Each attempt asks for itself: one that waits for its retry has none. A worker that goes on with a
//! run asks anew for the tasks that it finds open; who is in line keeps its place.

use super::machine::{Asks, Flow};
use super::step::{Look, Moment, Step};
use model::{AskedPermit, Seq, Taking, Timestamp};

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
            self.ask_for_slots(seq, takes, at);
        }
        false
    }

    fn ask_for_slots(&mut self, seq: Seq, takes: Vec<Taking>, at: Timestamp) {
        let permits = &mut self.buffer.progress.permits;
        permits.asked.push(AskedPermit { seq, takes, at });
        self.tasks.ask_due = true;
    }

    /// An attempt has ended, or does not begin any more.
    pub(super) fn give_back(&mut self, seq: Seq, at: Timestamp) {
        let has_asked = self.tasks.asking.remove(&seq);
        if self.tasks.permitted.remove(&seq) || has_asked {
            let permits = &mut self.buffer.progress.permits;
            permits.asked.retain(|asked| asked.seq != seq);
            permits.given_back.push((seq, at));
        }
    }

    /// Looks whether one of those that wait may start, if that may have changed.
    pub(super) fn look_for_permits(&mut self) -> Option<Step> {
        if self.tasks.ask_due || self.tasks.asking.is_empty() {
            return None;
        }
        if !std::mem::take(&mut self.tasks.look_due) {
            return None;
        }
        let asking = self.tasks.asking.iter().copied().collect();
        Some(Step::Look(Look::Permitted(asking)))
    }

    /// Starts those that have their slots.
    pub(super) fn permitted(&mut self, calls: Vec<Seq>, at: &mut Moment) -> Asks {
        for seq in calls {
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
                self.ask_for_slots(seq, takes, at.now);
            }
        }
        self.go_on(at)
    }
}
