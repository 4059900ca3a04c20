//! What earlier attempts of a run have finished, for the next one to reuse.
//!
//! A new attempt runs the flow from its start with an empty journal. Whenever it makes a call
//! that an earlier attempt made and that succeeded, it is given the same outcome. [`Kept`]
//! is told of every call of the attempt in the order of the journal, replayed ones too: it
//! gives each the name by which later calls refer to it ([`Identities`]), and hands out what
//! is kept under that name.
//!
//! ```text
//! attempt 1   fetch -> fetch#0 fails    fetch -> fetch#1 done    load(fetch#1) done
//! attempt 2   fetch -> takes fetch#1    load(fetch#1): taken     fetch -> fetch#0, anew
//! ```
//!
//! A call that takes a kept outcome takes its name as well, so what was made of that outcome
//! is found again, whatever else has moved.
//!
//! Invariants: an outcome is handed out once in an attempt; results are kept, time that
//! passed is not, so every timer starts anew.

use std::collections::{HashMap, VecDeque};

use super::identity::{Identities, Identity, Name};
use model::{Answer, Call, Entry, HoldsJson, Json, Seq, Settlement, StateType};

/// Finished calls by what they asked.
#[derive(Debug, Default)]
pub struct Kept {
    finished: HashMap<Identity, VecDeque<(Name, Entry)>>,
    identities: Identities,
}

impl Kept {
    /// Of these entries, in the order in which they were kept. Those that an older build kept
    /// have no identity: they are known by their call, if that refers to no other call.
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut kept = Self::default();
        let entries = entries.into_iter().filter(|entry| may_be_kept(&entry.call));
        let (named, unnamed): (Vec<Entry>, Vec<Entry>) =
            entries.partition(|entry| stored_name(entry).is_some());
        for entry in named {
            if let Some(name) = stored_name(&entry) {
                kept.add(name, entry);
            }
        }
        for entry in unnamed {
            if let Some(identity) = Identity::without_positions(&entry.call) {
                let name = kept.identities.reserve(identity);
                kept.add(name, entry);
            }
        }
        kept
    }

    fn add(&mut self, name: Name, entry: Entry) {
        self.identities.keep(&name);
        let equal = self.finished.entry(name.identity).or_default();
        equal.push_back((name, entry));
    }

    /// The earliest finished call that asked the same and was not taken, for the call that
    /// the attempt makes at `seq`. To be asked for every call in the order of the journal,
    /// replayed ones too, so that it answers the same on replay.
    pub fn take(&mut self, seq: Seq, call: &Call) -> Option<Entry> {
        // If nothing is kept, no name is needed.
        if self.finished.is_empty() {
            return None;
        }
        let (_, entry) = self.name(seq, call)?;
        entry
    }

    /// Names a call, and takes what is kept under the name.
    fn name(&mut self, seq: Seq, call: &Call) -> Option<(Name, Option<Entry>)> {
        let identity = self.identities.of(call)?;
        let taken = self
            .finished
            .get_mut(&identity)
            .and_then(VecDeque::pop_front);
        let (name, entry) = match taken {
            Some((name, entry)) => (name, Some(entry)),
            None => (self.identities.next(identity), None),
        };
        self.identities.set(seq, name.clone());
        Some((name, entry))
    }
}

/// A call of a journal, and whether it is marked to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    pub seq: Seq,
    pub call: Call,
    pub keep: bool,
}

impl HoldsJson for Called {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.call.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.call.each_json_mut(change);
    }
}

/// Under which identities the next attempt finds the marked calls of a journal. Its attempt
/// had been given what is `kept`.
pub(crate) fn identities(kept: Vec<Entry>, journal: Vec<Called>) -> Vec<(Seq, String)> {
    let mut kept = Kept::new(kept);
    let mut identities = Vec::new();
    for Called { seq, call, keep } in journal {
        // Those that are not kept are named, too: others may refer to them.
        let named = kept.name(seq, &call);
        if let Some((name, _)) = named.filter(|_| keep) {
            identities.push((seq, name.to_string()));
        }
    }
    identities
}

/// Whether the next attempt may reuse this entry: it succeeded, or is a run that goes on
/// meanwhile, of which there must not be a second one.
pub(crate) fn is_worth_keeping(
    call: &Call,
    answer: &Answer,
    settlement: Option<&Settlement>,
) -> bool {
    match settlement {
        _ if !may_be_kept(call) => false,
        Some(settlement) => stays_worth_keeping(true, settlement),
        None => matches!(call, Call::RunDeployment(_)) && matches!(answer, Answer::Run { .. }),
    }
}

/// The same of an entry that settles so. `was`: whether it was worth it until then.
pub(crate) fn stays_worth_keeping(was: bool, settlement: &Settlement) -> bool {
    match settlement {
        Settlement::Task(outcome) | Settlement::Input(outcome) => outcome.is_ok(),
        // The call that started the run keeps it; a call that only watches it does not.
        Settlement::Run(run) => was && run.state == StateType::Completed,
        // It gave nothing but time.
        Settlement::Timer => false,
    }
}

/// Whether an outcome of such a call is ever kept. To watch a run costs nothing, and what a
/// timer gave is time; older builds kept both.
fn may_be_kept(call: &Call) -> bool {
    !matches!(call, Call::Timer { .. } | Call::WatchRun { .. })
}

fn stored_name(entry: &Entry) -> Option<Name> {
    Name::parse(entry.identity.as_deref()?)
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
