//! What a new attempt of a run finds.
//!
//! ```text
//! a call is added, or settles --> marked: the next attempt is given it, or not
//! a new attempt               --> what is marked is named and set aside; what only the
//!                                 journal knows is remembered; the journal is emptied
//! ```
//!
//! The mark follows from the call and its settlement alone, so it is set with them. The
//! identity by which the next attempt knows a call again follows from all calls before it,
//! so the whole journal is named when the attempt is over.

use super::head::RunKey;
use super::plan::{Change, Plan};
use super::question::{Keeping, Question};
use crate::kept::{Called, identities};
use model::Entry;

/// Makes room for the next attempt, and keeps what it may reuse. `attempt`: the one that is
/// over.
pub(super) fn make_room(plan: &mut Plan<'_>, run: RunKey, attempt: u32) {
    plan.ask(Question::Keeping(Keeping { run }));
    empty(plan, run, attempt);
}

/// Makes room for an attempt that begins from scratch.
pub(super) fn make_all_room(plan: &mut Plan<'_>, run: RunKey, attempt: u32) {
    plan.change(Change::ForgetKept { run });
    empty(plan, run, attempt);
}

fn empty(plan: &mut Plan<'_>, run: RunKey, attempt: u32) {
    plan.change(Change::Remember { run, attempt });
    plan.change(Change::EmptyJournal { run });
}

impl Keeping {
    /// `kept`: what this attempt had been given, in order. `journal`: its calls, in order.
    pub fn answered(self, kept: Vec<Entry>, journal: Vec<Called>) -> Plan<'static> {
        let mut plan = Plan::default();
        let identities = identities(kept, journal);
        if !identities.is_empty() {
            plan.change(Change::Keep {
                run: self.run,
                identities,
            });
        }
        plan
    }
}
