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
//! A child that had not completed when its attempt ended is a candidate: it may have completed
//! since, by itself or because a person has retried it. So the new attempt looks at it when it
//! makes the call, and starts another one only if it has failed ([`Kept::candidates`]).
//!
//! Invariants: an outcome is handed out once in an attempt; results are kept, time that
//! passed is not, so every timer starts anew.

use std::collections::{HashMap, HashSet, VecDeque};

use super::identity::{Identities, Identity, Name};
use model::{Answer, Call, Entry, HoldsJson, Json, RunId, RunSnapshot, Seq, Settlement, StateType};

/// How many runs an attempt looks at for one call, the latest first, before it starts another.
const CANDIDATES_MAX: usize = 16;

/// Finished calls by what they asked.
#[derive(Debug, Default)]
pub struct Kept {
    finished: HashMap<Identity, VecDeque<(Name, Entry)>>,
    /// Children that had not completed, by the call that started them, the latest last.
    children: HashMap<Identity, Vec<Entry>>,
    /// Runs that this attempt has been given.
    given: HashSet<RunId>,
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
        if is_open_child(&entry) {
            let equal = self.children.entry(name.identity).or_default();
            equal.push(entry);
            return;
        }
        self.identities.keep(&name);
        let equal = self.finished.entry(name.identity).or_default();
        equal.push_back((name, entry));
    }

    /// The earliest finished call that asked the same and was not taken, for the call that
    /// the attempt makes at `seq`. To be asked for every call in the order of the journal,
    /// replayed ones too, so that it answers the same on replay.
    pub fn take(&mut self, seq: Seq, call: &Call) -> Option<Entry> {
        // If nothing is kept, no name is needed.
        if self.finished.is_empty() && self.children.is_empty() {
            return None;
        }
        let (_, entry) = self.name(seq, call)?;
        entry
    }

    /// The runs that earlier attempts have started by the same call and that had not completed
    /// then, the latest first, unless this attempt has been given them.
    pub fn candidates(&self, call: &Call) -> Vec<RunSnapshot> {
        if self.children.is_empty() {
            return Vec::new();
        }
        let identity = self.identities.of(call);
        let equal = identity.and_then(|identity| self.children.get(&identity));
        let runs = equal.into_iter().flatten().rev();
        let runs = runs.filter_map(|entry| match &entry.answer {
            Answer::Run { run } if !self.given.contains(&run.id) => Some(run.clone()),
            _ => None,
        });
        runs.take(CANDIDATES_MAX).collect()
    }

    /// The attempt has been given this run, in answer to a call that starts one.
    pub fn give(&mut self, run: RunId) {
        if !self.children.is_empty() {
            self.given.insert(run);
        }
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

/// Whether the next attempt may reuse this entry: it succeeded, or has started a run, which may
/// complete whenever it does.
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
        Settlement::Run(_) => was,
        // It gave nothing but time.
        Settlement::Timer => false,
        // They are given back with the attempt.
        Settlement::Slots => false,
    }
}

/// Whether an outcome of such a call is ever kept. To watch a run costs nothing, and what a
/// timer gave is time; older builds kept both.
fn may_be_kept(call: &Call) -> bool {
    !matches!(
        call,
        Call::Timer { .. } | Call::TakeSlots { .. } | Call::WatchRun { .. }
    )
}

/// Whether it has started a run that had not completed when this was kept.
fn is_open_child(entry: &Entry) -> bool {
    let has_completed = |settlement: &Settlement| match settlement {
        Settlement::Run(run) => run.state == StateType::Completed,
        _ => false,
    };
    let settled = entry.settled.as_ref();
    matches!(entry.call, Call::RunDeployment(_))
        && !settled.is_some_and(|(_, settlement)| has_completed(settlement))
}

/// Whether an attempt that would start a run takes one in this state, which an earlier attempt
/// has started, in its place: it goes on, or has completed.
pub(crate) fn is_worth_taking(state: StateType) -> bool {
    state == StateType::Completed || !state.is_terminal()
}

fn stored_name(entry: &Entry) -> Option<Name> {
    Name::parse(entry.identity.as_deref()?)
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
