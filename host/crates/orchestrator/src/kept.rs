//! What earlier attempts of a run have finished, for the next one to reuse.
//!
//! A new attempt runs the flow from its start with an empty journal. Whenever it makes a
//! call that an earlier attempt made and that succeeded, it is given the same outcome. Equal
//! calls are told apart by their order.

use std::collections::{HashMap, VecDeque};

use model::{Answer, Call, Entry, Settlement, StateType};

/// Finished calls by what they asked.
#[derive(Debug, Default)]
pub struct Kept {
    calls: HashMap<String, VecDeque<Entry>>,
}

impl Kept {
    /// Of these entries, in the order in which they were made.
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut calls: HashMap<String, VecDeque<Entry>> = HashMap::new();
        for entry in entries {
            calls.entry(key(&entry.call)).or_default().push_back(entry);
        }
        Self { calls }
    }

    /// The earliest finished call that asked the same and was not taken. To be asked for
    /// every call, replayed ones too, so that it answers the same on replay.
    pub fn take(&mut self, call: &Call) -> Option<Entry> {
        if self.calls.is_empty() {
            return None;
        }
        self.calls.get_mut(&key(call))?.pop_front()
    }
}

/// Whether the next attempt may reuse this entry: it succeeded, or is a run that goes on
/// meanwhile, of which there must not be a second one.
pub(crate) fn is_worth_keeping(entry: &Entry) -> bool {
    match &entry.settled {
        Some((_, settlement)) => is_settlement_worth_keeping(settlement),
        None => {
            matches!(entry.call, Call::RunDeployment(_))
                && matches!(entry.answer, Answer::Run { .. })
        }
    }
}

/// The same of an entry that settles so, whatever it was before.
pub(crate) fn is_settlement_worth_keeping(settlement: &Settlement) -> bool {
    match settlement {
        Settlement::Task(outcome) | Settlement::Input(outcome) => outcome.is_ok(),
        Settlement::Run(run) => run.state == StateType::Completed,
        Settlement::Timer => true,
    }
}

fn key(call: &Call) -> String {
    serde_json::to_string(call).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Failure, FailureKind, Json, Seq, Timestamp};

    fn entry(seq: u64, duration_ms: u64, settlement: Option<Settlement>) -> Entry {
        Entry {
            seq: Seq(seq),
            call: Call::Timer { duration_ms },
            answer: Answer::Accepted,
            at: Timestamp(0),
            settled: settlement.map(|settlement| (Timestamp(1), settlement)),
        }
    }

    #[test]
    fn equal_calls_are_taken_in_order_and_once() {
        let mut kept = Kept::new(vec![
            entry(1, 5, None),
            entry(2, 7, None),
            entry(3, 5, None),
        ]);
        let mut take = |duration_ms| {
            let entry = kept.take(&Call::Timer { duration_ms });
            entry.map(|entry| entry.seq.0)
        };
        assert_eq!([take(5), take(5), take(5)], [Some(1), Some(3), None]);
        assert_eq!([take(7), take(9)], [Some(2), None]);
    }

    #[test]
    fn only_success_is_kept() {
        let done = Settlement::Task(Ok(Json::null()));
        let failed = Settlement::Task(Err(Failure::new(FailureKind::Error, "x")));
        assert!(is_worth_keeping(&entry(1, 1, Some(done))));
        assert!(!is_worth_keeping(&entry(1, 1, Some(failed))));
        assert!(!is_worth_keeping(&entry(1, 1, None)));
    }
}
