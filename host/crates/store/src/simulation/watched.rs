//! A limit that people change, and the rules by which its slots are given.

use crate::Permit;
use model::{Limit, RunId, Timestamp};

/// A limit and its past.
pub(super) struct Watched {
    pub limit: Limit,
    pub is_there: bool,
    /// From which moment on it has had how many slots. Without a limit there is no end of them.
    values: Vec<(u64, u64)>,
    /// Those that had slots when it was looked at last.
    pub seen: Vec<Permit>,
    /// Those that waited then.
    waited: Vec<Permit>,
    /// Slots of a rate limit that were given since it was made.
    given: Vec<Permit>,
}

impl Watched {
    pub fn new(limit: Limit) -> Self {
        let values = vec![(0, u64::from(limit.slots))];
        Self {
            limit,
            is_there: true,
            values,
            seen: Vec::new(),
            waited: Vec::new(),
            given: Vec::new(),
        }
    }

    /// People change it, or delete it.
    pub fn set(&mut self, moment: u64, slots: Option<u32>) {
        self.values
            .push((moment, slots.map_or(u64::MAX, u64::from)));
        self.is_there = slots.is_some();
        match slots {
            Some(slots) => self.limit.slots = slots,
            None => self.given.clear(),
        }
    }

    /// The most slots that it has had since then.
    pub fn most_since(&self, moment: u64) -> u64 {
        let before = self.values.iter().rfind(|(from, _)| *from <= moment);
        let since = self.values.iter().filter(|(from, _)| *from > moment);
        let most = since.chain(before).map(|(_, slots)| *slots).max();
        most.expect("it had some from the beginning")
    }

    /// Whoever has got slots since `looked` has got them by the rules: while there were enough, and
    /// of a rate limit no more within any of its times than it has. Who asks for more than there is
    /// has it alone. Nobody has passed one that waits.
    pub fn compare(&mut self, permits: Vec<Permit>, looked: u64, latest: Timestamp) {
        let mut before = std::mem::take(&mut self.seen);
        let has = |permit: &Permit| permit.granted.is_some();
        let (granted, waiting): (Vec<Permit>, Vec<Permit>) = permits.into_iter().partition(has);
        let mut fresh = Vec::new();
        for permit in &granted {
            match before.iter().position(|it| it == permit) {
                Some(at) => drop(before.swap_remove(at)),
                None => fresh.push(permit.clone()),
            }
        }
        let most = self.most_since(looked);
        let name = &self.limit.name;
        for permit in fresh {
            let line = permit.line.clone();
            let is_passed = |it: &&Permit| it.line == line && it.asked < permit.asked;
            let mut still = self.waited.iter().filter(|it| waiting.contains(it));
            let passed = still.find(is_passed).filter(|_| most < u64::MAX);
            assert!(passed.is_none(), "{permit:#?} has passed {passed:#?}");
            let slots: Vec<u32> = match self.limit.per {
                None => {
                    let of_line = granted.iter().filter(|it| it.line == line);
                    of_line.map(|it| it.slots).collect()
                }
                Some(per) => {
                    if !self.is_there {
                        continue;
                    }
                    self.given.push(permit);
                    let still = |it: &&Permit| {
                        let until = it.granted.map(|at| at.after(per));
                        it.line == line && until.is_some_and(|until| until > latest)
                    };
                    let of_line = self.given.iter().filter(still);
                    of_line.map(|it| it.slots).collect()
                }
            };
            let taken: u64 = slots.iter().copied().map(u64::from).sum();
            assert!(
                may_be_taken(taken, slots.len(), most),
                "{taken} slots of `{name}` were given in line `{line}`, of {most}: {:#?} {:#?}",
                self.limit,
                if self.limit.per.is_some() {
                    &self.given
                } else {
                    &granted
                },
            );
        }
        self.seen = granted;
        self.waited = waiting;
    }

    /// Whether anybody had a slot when it was looked at last.
    pub fn is_taken(&self) -> bool {
        !self.seen.is_empty()
    }

    pub fn has(&self, run: RunId, line: &str) -> bool {
        self.seen.iter().any(|it| it.run == run && it.line == line)
    }
}

/// Whether so many may have so many slots, of a limit that has had `most` of them.
pub(super) fn may_be_taken(taken: u64, holders: usize, most: u64) -> bool {
    taken <= most || holders == 1 && most > 0
}
