//! What people have set of queues and limits, and who has what by all that was seen: an account
//! beside the store's own, kept from what workers claim and execute.
//!
//! A slot is got at some moment between the one at which its run was known to have none and the one
//! at which it is seen to use it. Whoever of a line got its slot last was counted together with all
//! others that have one now, so they are no more than the limit has allowed since then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::clock::SimulatedClock;
use super::holding::Holding;
use super::results::Results;
use super::watched::{Watched, may_be_taken};
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
    /// What the code of flows has.
    pub holding: Holding,
    /// Results that are cached.
    pub results: Results,
    /// The slots of those that compute a result alone.
    pub locks: Watched,
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

impl Crowd {
    pub fn new(clock: Arc<SimulatedClock>, queues: Vec<WorkQueue>, limits: Vec<Watched>) -> Self {
        let locks = Limit {
            name: LimitName::of_cache(),
            slots: 1,
            per: None,
            created: Timestamp(0),
        };
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
            holding: Holding::default(),
            results: Results::default(),
            locks: Watched::new(locks),
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
        // How many, who has them, and when the last of them had none.
        let mut lines: HashMap<(&LimitName, &str), (u64, usize, u64)> = HashMap::new();
        let mut count = |limit, line, slots: u32, since: u64| {
            let (taken, holders, latest) = lines.entry((limit, line)).or_default();
            *taken += u64::from(slots);
            *holders += 1;
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
        for it in self.holding.told() {
            count(&it.limit, "", it.slots, it.since);
        }
        for ((limit, line), (taken, holders, since)) in lines {
            let watched = self.watched(limit).expect("it is known");
            if watched.limit.per.is_none() {
                let most = watched.most_since(since);
                assert!(
                    may_be_taken(taken, holders, most),
                    "{taken} have slots of `{limit}` in line `{line}`, of {most}"
                );
            }
        }
    }
}
