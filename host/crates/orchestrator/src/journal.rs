//! A flow run's journal while it is being executed: replay first, then new entries.
//!
//! ```text
//! guest calls --> ask --> position written before? --> same call? --> its answer
//!                           |                            `- no ----> Divergence
//!                           `- no --> New(seq) --> write(seq, call, answer)
//! guest waits --> wait_any / wait_all --> Ready(handles) or Blocked
//! something settles --> settle
//! ```
//!
//! Time passes for a flow only with its journal: the clock stands at the latest entry or
//! settlement that the flow has been told of. So readings of the clock need no entries of
//! their own and are the same on replay.
//!
//! Invariants: a position, once written, never changes its call or answer; a settlement
//! never changes; the guest is told of a settlement only by a wait.

use model::{Answer, Call, Entry, Seq, Settlement, Timestamp};

/// The journal of one run.
#[derive(Debug)]
pub struct Journal {
    /// By position: `Seq(1)` is the first.
    slots: Vec<Slot>,
    /// How many positions the guest has passed in this execution.
    passed: usize,
    /// How many of the slots were there when the execution began.
    replayed: usize,
    /// How many settlements the guest has been told of.
    told: usize,
    /// About how many bytes the entries hold.
    bytes: usize,
    clock: Timestamp,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// Whether a wait has told the guest of the settlement.
    told: bool,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The journal has it.
    Answered(Seq, Answer),
    /// It is new, and gets this position.
    New(Seq),
}

/// The answer to a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// These have settled. `new` if the wait made an entry.
    Ready { handles: Vec<Seq>, new: bool },
    /// None of these (any), or not all of these (all), has settled; the unsettled ones.
    Blocked(Vec<Seq>),
}

/// Replay asked for something else than the journal holds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "replay diverged at call {seq}: the journal holds {}, the flow {}",
    .held.as_ref().map_or("nothing more".to_owned(), ToString::to_string),
    .asked.as_ref().map_or("returned".to_owned(), |call| format!("asked for {call}"))
)]
pub struct Divergence {
    pub seq: Seq,
    pub held: Option<Call>,
    /// None: it returned.
    pub asked: Option<Call>,
}

impl Journal {
    /// The journal of a run that started at `started` and has these entries, in order.
    pub fn new(started: Timestamp, entries: Vec<Entry>) -> Self {
        let bytes = entries.iter().map(Entry::bytes).sum();
        let slots: Vec<Slot> = entries
            .into_iter()
            .map(|entry| Slot { entry, told: false })
            .collect();
        Self {
            replayed: slots.len(),
            told: 0,
            bytes,
            slots,
            passed: 0,
            clock: started,
        }
    }

    /// What the time is for the flow.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Whether everything that the journal held has been answered from it.
    pub fn is_live(&self) -> bool {
        self.passed >= self.replayed
    }

    /// Looks the next call up. After `New`, the caller must `write` it.
    pub fn ask(&mut self, call: &Call) -> Result<Asked, Box<Divergence>> {
        let seq = Seq(self.passed as u64 + 1);
        let Some(slot) = self.slots.get(self.passed) else {
            return Ok(Asked::New(seq));
        };
        if slot.entry.call != *call {
            return Err(Box::new(Divergence {
                seq,
                held: Some(slot.entry.call.clone()),
                asked: Some(call.clone()),
            }));
        }
        self.passed += 1;
        self.clock = self.clock.max(slot.entry.at);
        Ok(Asked::Answered(seq, slot.entry.answer.clone()))
    }

    /// What the journal holds at the next position.
    pub fn next_held(&self) -> Option<Call> {
        let next = self.slots.get(self.passed)?;
        Some(next.entry.call.clone())
    }

    /// Whether the journal holds this call at the next position.
    pub fn holds_next(&self, call: &Call) -> bool {
        let next = self.slots.get(self.passed);
        next.is_some_and(|slot| slot.entry.call == *call)
    }

    /// The entry that a new call would get.
    pub fn next_entry(&self, call: Call, answer: Answer, now: Timestamp) -> Entry {
        Entry {
            seq: Seq(self.passed as u64 + 1),
            call,
            answer,
            at: self.clock.max(now),
            settled: None,
            identity: None,
        }
    }

    /// Writes the answer of a new call. The entry, to be recorded.
    pub fn write(&mut self, call: Call, answer: Answer, now: Timestamp) -> &Entry {
        debug_assert_eq!(self.passed, self.slots.len(), "only a new call is written");
        let entry = self.next_entry(call, answer, now);
        self.clock = entry.at;
        self.passed += 1;
        self.bytes += entry.bytes();
        self.slots.push(Slot { entry, told: false });
        &self.slots[self.passed - 1].entry
    }

    /// The position of the latest call.
    pub fn last(&self) -> Seq {
        Seq(self.passed as u64)
    }

    /// Settles a call. Whether that is news.
    pub fn settle(&mut self, seq: Seq, at: Timestamp, settlement: Settlement) -> bool {
        match self.slot_mut(seq) {
            Some(slot) if slot.entry.settled.is_none() => {
                let bytes = settlement.bytes();
                slot.entry.settled = Some((at, settlement));
                self.bytes += bytes;
                true
            }
            _ => false,
        }
    }

    pub fn entry(&self, seq: Seq) -> Option<&Entry> {
        let at = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        self.slots.get(at).map(|slot| &slot.entry)
    }

    /// Whether the guest has been given this handle.
    pub fn is_known(&self, seq: Seq) -> bool {
        seq.0 >= 1 && seq.0 <= self.passed as u64
    }

    /// Whether a handle is one that the guest has been given, and of a kind that settles.
    pub fn can_settle(&self, seq: Seq) -> bool {
        let entry = self.entry(seq).filter(|_| self.is_known(seq));
        entry.is_some_and(|entry| match entry.call {
            Call::Task(_)
            | Call::RunDeployment(_)
            | Call::WatchRun { .. }
            | Call::Timer { .. }
            | Call::TakeSlots { .. }
            | Call::Input { .. } => true,
            Call::GetRun { .. }
            | Call::GetVariable { .. }
            | Call::Artifact { .. }
            | Call::Subflow { .. }
            | Call::EndSubflow { .. }
            | Call::WithdrawInput { .. }
            | Call::GiveSlotsBack { .. }
            | Call::CancelTask { .. }
            | Call::Cancelled { .. }
            | Call::WaitAny => false,
        })
    }

    /// What became of a call, whether or not the guest was told.
    pub fn settlement(&self, seq: Seq) -> Option<&Settlement> {
        self.entry(seq)?
            .settled
            .as_ref()
            .map(|(_, settled)| settled)
    }

    /// About how many bytes it holds in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many settlements waits have told the guest of.
    pub fn told_count(&self) -> usize {
        self.told
    }

    /// What became of a call, if a wait has told the guest.
    pub fn told(&self, seq: Seq) -> Option<&Settlement> {
        let at = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        let slot = self.slots.get(at).filter(|slot| slot.told)?;
        slot.entry.settled.as_ref().map(|(_, settled)| settled)
    }

    /// Waits for all. Makes no entry: the answer follows from the settlements alone.
    pub fn wait_all(&mut self, handles: &[Seq]) -> Waited {
        let blocked: Vec<Seq> = self.unsettled(handles);
        if !blocked.is_empty() {
            return Waited::Blocked(blocked);
        }
        self.tell(handles);
        Waited::Ready {
            handles: handles.to_vec(),
            new: false,
        }
    }

    /// Waits for any. Which handles had settled by then depends on the moment, so the answer
    /// gets an entry, except for a single handle, where there is no choice.
    pub fn wait_any(&mut self, handles: &[Seq], now: Timestamp) -> Result<Waited, Box<Divergence>> {
        if let [_] = handles {
            return Ok(self.wait_all(handles));
        }
        if self.passed < self.slots.len() {
            return match self.ask(&Call::WaitAny)? {
                Asked::Answered(_, Answer::Settled { handles }) => {
                    self.tell(&handles);
                    Ok(Waited::Ready {
                        handles,
                        new: false,
                    })
                }
                _ => Ok(Waited::Blocked(handles.to_vec())),
            };
        }
        let mut settled: Vec<(Timestamp, Seq)> = handles
            .iter()
            .filter_map(|seq| Some((self.entry(*seq)?.settled.as_ref()?.0, *seq)))
            .collect();
        if settled.is_empty() {
            return Ok(Waited::Blocked(handles.to_vec()));
        }
        settled.sort();
        let handles: Vec<Seq> = settled.into_iter().map(|(_, seq)| seq).collect();
        self.tell(&handles);
        let answer = Answer::Settled {
            handles: handles.clone(),
        };
        self.write(Call::WaitAny, answer, now);
        Ok(Waited::Ready { handles, new: true })
    }

    /// The calls that the flow has made and that have not settled.
    fn unsettled(&self, handles: &[Seq]) -> Vec<Seq> {
        let unsettled = |seq: &Seq| self.settlement(*seq).is_none();
        handles.iter().copied().filter(unsettled).collect()
    }

    fn tell(&mut self, handles: &[Seq]) {
        for seq in handles {
            let Some(slot) = self.slot_mut(*seq) else {
                continue;
            };
            let is_new = !std::mem::replace(&mut slot.told, true);
            if let Some((at, _)) = slot.entry.settled {
                self.clock = self.clock.max(at);
            }
            self.told += usize::from(is_new);
        }
    }

    fn slot_mut(&mut self, seq: Seq) -> Option<&mut Slot> {
        let at = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        self.slots.get_mut(at)
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|slot| &slot.entry)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;
    use model::Json;

    fn timer(duration_ms: u64) -> Call {
        Call::Timer { duration_ms }
    }

    /// A journal in which timers 1 to 3 were started at 10, 20 and 30.
    fn three_timers() -> Journal {
        let mut journal = Journal::new(Timestamp(5), Vec::new());
        for n in 1..=3 {
            assert_eq!(journal.ask(&timer(n)), Ok(Asked::New(Seq(n))));
            journal.write(timer(n), Answer::Accepted, Timestamp(n as i64 * 10));
        }
        journal
    }

    fn replay(journal: &Journal) -> Journal {
        Journal::new(Timestamp(5), journal.entries().cloned().collect())
    }

    #[test]
    fn replay_gives_the_same_answers_and_the_same_time() {
        let mut first = three_timers();
        first.settle(Seq(3), Timestamp(40), Settlement::Timer);
        first.settle(Seq(1), Timestamp(50), Settlement::Timer);
        let all = [Seq(1), Seq(2), Seq(3)];
        let told = first.wait_any(&all, Timestamp(60)).unwrap();
        let (handles, new) = (vec![Seq(3), Seq(1)], true);
        assert_eq!(told, Waited::Ready { handles, new });
        // Meanwhile the rest settles too, which the flow has not been told.
        first.settle(Seq(2), Timestamp(55), Settlement::Timer);

        let mut second = replay(&first);
        assert!(!second.is_live());
        for n in 1..=3 {
            let answered = Asked::Answered(Seq(n), Answer::Accepted);
            assert_eq!(second.ask(&timer(n)), Ok(answered));
            assert_eq!(second.clock(), Timestamp(n as i64 * 10));
        }
        let told = second.wait_any(&all, Timestamp(999)).unwrap();
        let (handles, new) = (vec![Seq(3), Seq(1)], false);
        assert_eq!(told, Waited::Ready { handles, new });
        assert_eq!(second.clock(), first.clock());
        assert_eq!(second.told(Seq(2)), None);
        assert!(second.is_live());
    }

    #[test]
    fn a_divergence_names_both_calls() {
        let mut journal = replay(&three_timers());
        let divergence = journal.ask(&timer(7)).unwrap_err();
        assert_eq!(
            divergence.to_string(),
            "replay diverged at call 1: the journal holds sleep 1 ms, the flow asked for sleep 7 ms"
        );
    }

    #[test]
    fn a_wait_for_all_needs_no_entry() {
        let mut journal = three_timers();
        let both = [Seq(1), Seq(2)];
        journal.settle(Seq(1), Timestamp(70), Settlement::Timer);
        assert_eq!(journal.wait_all(&both), Waited::Blocked(vec![Seq(2)]));
        journal.settle(Seq(2), Timestamp(60), Settlement::Timer);
        let (handles, new) = (both.to_vec(), false);
        assert_eq!(journal.wait_all(&both), Waited::Ready { handles, new });
        assert_eq!(journal.clock(), Timestamp(70));
        assert_eq!(journal.entries().count(), 3);
    }

    #[test]
    fn a_settlement_never_changes() {
        let mut journal = three_timers();
        assert!(journal.settle(Seq(1), Timestamp(1), Settlement::Timer));
        let other = Settlement::Task(Ok(Json::null()));
        assert!(!journal.settle(Seq(1), Timestamp(2), other));
        assert_eq!(journal.settlement(Seq(1)), Some(&Settlement::Timer));
    }

    /// What may happen to a flow, for [`replay_of_any_prefix_is_the_same`].
    #[derive(Clone, Debug)]
    enum Event {
        Timer(u64),
        Settle(u64),
        WaitAll(Vec<u64>),
        WaitAny(Vec<u64>),
    }

    fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
        let handles = || collection::vec(1..8_u64, 1..4);
        let event = prop_oneof![
            (0..3_u64).prop_map(Event::Timer),
            (1..8_u64).prop_map(Event::Settle),
            handles().prop_map(Event::WaitAll),
            handles().prop_map(Event::WaitAny),
        ];
        // The clock of the machine is not steady.
        collection::vec((-3..9_i64, event), 1..40)
    }

    /// The calls that the flow made and whose answer it got, with the answer and the time.
    type Told = Vec<(Event, String)>;

    fn known(journal: &Journal, handles: &[u64]) -> Vec<Seq> {
        let handles = handles.iter().copied().map(Seq);
        handles
            .filter(|seq| {
                let entry = journal.entry(*seq).filter(|_| journal.is_known(*seq));
                entry.is_some_and(|entry| matches!(entry.call, Call::Timer { .. }))
            })
            .collect()
    }

    /// The flow makes one call. What it is told, unless it has to wait.
    fn ask(journal: &mut Journal, event: &Event, now: Timestamp) -> Option<String> {
        let waited = match event {
            Event::Settle(_) => return None,
            Event::Timer(n) => {
                let asked = journal.ask(&timer(*n)).unwrap();
                if let Asked::New(_) = asked {
                    journal.write(timer(*n), Answer::Accepted, now);
                }
                let clock = journal.clock();
                return Some(format!("{} at {clock:?}", journal.last()));
            }
            Event::WaitAll(handles) => journal.wait_all(&known(journal, handles)),
            Event::WaitAny(handles) => match known(journal, handles) {
                // The guest is told that there is nothing to wait for.
                handles if handles.is_empty() => return None,
                handles => journal.wait_any(&handles, now).unwrap(),
            },
        };
        match waited {
            Waited::Blocked(_) => None,
            Waited::Ready { handles, .. } => {
                let told: Vec<_> = handles.iter().map(|seq| journal.told(*seq)).collect();
                Some(format!("{handles:?} {told:?} at {:?}", journal.clock()))
            }
        }
    }

    proptest! {
        #[test]
        fn replay_of_any_prefix_is_the_same(events in events()) {
            let started = Timestamp(100);
            let mut journal = Journal::new(started, Vec::new());
            let mut told: Told = Vec::new();
            let mut now = started;
            for (passed, event) in events {
                now = Timestamp(now.0 + passed);
                match event {
                    Event::Settle(seq) => {
                        if !known(&journal, &[seq]).is_empty() {
                            journal.settle(Seq(seq), now, Settlement::Timer);
                        }
                    }
                    event => {
                        let before = journal.clock();
                        if let Some(answer) = ask(&mut journal, &event, now) {
                            told.push((event, answer));
                        }
                        prop_assert!(journal.clock() >= before, "the clock went back");
                    }
                }
                // Whatever has happened until here, a replay is told the same.
                let entries = journal.entries().cloned().collect();
                let mut replayed = Journal::new(started, entries);
                for (event, answer) in &told {
                    let again = ask(&mut replayed, event, Timestamp(1_000_000));
                    prop_assert_eq!(again.as_ref(), Some(answer));
                }
                prop_assert!(replayed.is_live());
                prop_assert_eq!(replayed.clock(), journal.clock());
                prop_assert!(replayed.entries().eq(journal.entries()));
            }
        }
    }
}
