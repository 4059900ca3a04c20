//! What people have set of queues and limits, and who has what by all that was seen: an account
//! beside the store's own, kept from what workers claim and execute.
//!
//! A slot is got at some moment between the one at which its run was known to have none and the one
//! at which it is seen to use it. Whoever of a line got its slot last was counted together with all
//! others that have one now, so they are no more than the limit has allowed since then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::clock::SimulatedClock;
use crate::Permit;
use model::{
    Concurrency, EventCursor, Limit, LimitName, QueueName, RunId, Taking, Timestamp, WorkQueue,
};

pub(super) struct Crowd {
    pub clock: Arc<SimulatedClock>,
    pub queues: Vec<WorkQueue>,
    pub limits: Vec<Watched>,
    /// The concurrency that deployments have of their own, by the name of its limit.
    pub own: HashMap<LimitName, Concurrency>,
    /// Whether runs wait for limits before they start, so that more are taken up than start.
    pub holds_back: bool,
    /// Counts what happens.
    pub moment: u64,
    /// When everything was looked at last.
    pub looked: u64,
    /// The newest event then: without another one nothing has changed.
    pub newest: Option<EventCursor>,
    /// The latest time that any clock has shown.
    pub latest: Timestamp,
    /// Runs that have what they take.
    pub holders: HashMap<RunId, Held>,
    /// When a run was known last to have nothing.
    pub without: HashMap<RunId, u64>,
    /// When the calls of a run had nothing, by its lease.
    pub leased: HashMap<(RunId, u64), u64>,
    /// All runs that were seen, in the order of a listing.
    pub runs: Vec<RunId>,
    /// Runs that wait for slots.
    pub waiting: HashSet<RunId>,
    /// Runs that found no slot and were not to wait.
    pub turned_away: HashSet<RunId>,
    /// The queue of each run that was claimed.
    pub queue_of: HashMap<RunId, QueueName>,
    /// Runs that were claimed, and those of them that a queue of higher priority stood behind.
    pub starts: u64,
    pub out_of_order: u64,
}

/// What a run has of limits.
pub(super) struct Held {
    pub takes: Vec<Taking>,
    /// It had nothing then.
    pub since: u64,
}

/// What a call that is executed has of limits: one slot of each.
pub(super) struct Using {
    pub limits: Vec<LimitName>,
    /// It had nothing then.
    pub since: u64,
}

/// A limit and its past.
pub(super) struct Watched {
    pub limit: Limit,
    pub is_there: bool,
    /// From which moment on it has had how many slots. Without a limit there is no end of them.
    values: Vec<(u64, u64)>,
    /// Those that had slots when it was looked at last.
    pub seen: Vec<Permit>,
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
    /// of a rate limit no more within any of its times than it has.
    pub fn compare(&mut self, permits: Vec<Permit>, looked: u64, latest: Timestamp) {
        let mut before = std::mem::take(&mut self.seen);
        let has = |permit: &Permit| permit.granted.is_some();
        let (granted, _): (Vec<Permit>, Vec<Permit>) = permits.into_iter().partition(has);
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
            let taken: u64 = match self.limit.per {
                None => {
                    let of_line = granted.iter().filter(|it| it.line == line);
                    of_line.map(|it| u64::from(it.slots)).sum()
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
                    of_line.map(|it| u64::from(it.slots)).sum()
                }
            };
            assert!(
                taken <= most,
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
    }

    /// Whether anybody had a slot when it was looked at last.
    pub fn is_taken(&self) -> bool {
        !self.seen.is_empty()
    }

    pub fn has(&self, run: RunId, line: &str) -> bool {
        self.seen.iter().any(|it| it.run == run && it.line == line)
    }
}

impl Crowd {
    pub fn new(clock: Arc<SimulatedClock>, queues: Vec<WorkQueue>, limits: Vec<Watched>) -> Self {
        Self {
            clock,
            queues,
            limits,
            own: HashMap::new(),
            holds_back: false,
            moment: 0,
            looked: 0,
            newest: None,
            latest: Timestamp(0),
            holders: HashMap::new(),
            without: HashMap::new(),
            leased: HashMap::new(),
            runs: Vec::new(),
            waiting: HashSet::new(),
            turned_away: HashSet::new(),
            queue_of: HashMap::new(),
            starts: 0,
            out_of_order: 0,
        }
    }

    /// A run has what it takes.
    pub fn has(&mut self, run: RunId, takes: &[Taking]) {
        let since = self.without.get(&run).copied().unwrap_or(self.looked);
        self.holders.entry(run).or_insert_with(|| Held {
            takes: takes.to_vec(),
            since,
        });
    }

    /// A run has nothing any more.
    pub fn releases(&mut self, run: RunId) {
        if self.holders.remove(&run).is_some() {
            self.without.insert(run, self.moment);
        }
    }

    pub fn watched(&self, limit: &LimitName) -> Option<&Watched> {
        self.limits.iter().find(|it| it.limit.name == *limit)
    }

    /// How many slots of a line runs have that are not over.
    pub fn taken(&self, of: &Taking, is_over: impl Fn(RunId) -> bool) -> u64 {
        let live = self.holders.iter().filter(|(run, _)| !is_over(**run));
        let takes = live.flat_map(|(_, held)| &held.takes);
        let same = takes.filter(|it| it.limit == of.limit && it.line == of.line);
        same.map(|it| u64::from(it.slots)).sum()
    }

    /// No line of a limit has more users than there were slots.
    pub fn check_lines(&self, using: &[Using]) {
        // How many, and when the last of them had none.
        let mut lines: HashMap<(&LimitName, &str), (u64, u64)> = HashMap::new();
        let mut count = |limit, line, slots: u32, since: u64| {
            let (taken, latest) = lines.entry((limit, line)).or_default();
            *taken += u64::from(slots);
            *latest = since.max(*latest);
        };
        for held in self.holders.values() {
            for taking in &held.takes {
                count(&taking.limit, &taking.line, taking.slots, held.since);
            }
        }
        for it in using {
            for limit in &it.limits {
                count(limit, "", 1, it.since);
            }
        }
        for ((limit, line), (taken, since)) in lines {
            let watched = self.watched(limit).expect("it is known");
            if watched.limit.per.is_none() {
                let most = watched.most_since(since);
                assert!(
                    taken <= most,
                    "{taken} have slots of `{limit}` in line `{line}`, of {most}"
                );
            }
        }
    }
}
