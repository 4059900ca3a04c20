//! What a transaction has read of the rows that it has locked, so that it need not ask again.
//!
//! A run that is locked changes by this transaction alone. What a change may concern is forgotten
//! with it, and asked for anew.

use std::collections::{HashMap, HashSet};

use model::{PoolName, QueueName, RunId, Seq, WorkerId};
use orchestrator::lifecycle::{Head, OpenCall, QueueKey, RunKey, Waiter, Watcher, Watchers};
use store::texts::TextDigest;

#[derive(Default)]
pub(crate) struct Known {
    heads: HashMap<RunId, Head>,
    /// Runs that have no open subflow.
    whole: HashSet<RunId>,
    /// Whether pools have limits.
    limits: HashMap<PoolName, bool>,
    /// Pools and workers that stay until the transaction ends.
    pools: HashSet<PoolName>,
    queues: HashMap<(PoolName, QueueName), QueueKey>,
    workers: HashSet<WorkerId>,
    /// Runs that are about to end, as far as nobody has asked who watches them.
    ending: HashSet<RunKey>,
    /// Who watches a run; what is said of the calls is kept below.
    watchers: HashMap<RunKey, Option<Watchers>>,
    /// Calls that have not settled, of runs that are locked.
    open: HashMap<(RunKey, Seq), OpenCall>,
    /// Runs that wait, or did.
    waiters: HashMap<RunKey, Waiter>,
    /// Texts that stay until the transaction ends, or that it adds.
    texts: HashSet<TextDigest>,
}

impl Known {
    /// `is_limited`: whether its pool is.
    pub(crate) fn learn(&mut self, head: Head, has_open_subflows: bool, is_limited: bool) {
        if let Some(pool) = &head.pool {
            self.limits.insert(pool.clone(), is_limited);
        }
        if !has_open_subflows {
            self.whole.insert(head.id);
        }
        self.heads.insert(head.id, head);
    }

    /// The number of a queue, that of `default` if there is none of this name.
    pub(crate) fn queue(&self, pool: &PoolName, name: &QueueName) -> Option<QueueKey> {
        self.queues.get(&(pool.clone(), name.clone())).copied()
    }

    pub(crate) fn learn_queue(&mut self, pool: &PoolName, name: &QueueName, key: QueueKey) {
        self.queues.insert((pool.clone(), name.clone()), key);
    }

    /// The head, which whoever takes it is about to change.
    pub(crate) fn take_head(&mut self, run: RunId) -> Option<Head> {
        self.heads.remove(&run)
    }

    /// Whether it is known that the run has no open subflow.
    pub(crate) fn has_no_subflow(&self, run: RunId) -> bool {
        self.whole.contains(&run)
    }

    /// A subflow is about to begin within the run.
    pub(crate) fn begins_subflow(&mut self, run: RunId) {
        self.whole.remove(&run);
    }

    pub(crate) fn is_limited(&self, pool: &PoolName) -> Option<bool> {
        self.limits.get(pool).copied()
    }

    /// Whether it is known that the pool is there, and stays.
    pub(crate) fn has_pool(&self, pool: &PoolName) -> bool {
        self.pools.contains(pool)
    }

    pub(crate) fn learn_pool(&mut self, pool: &PoolName) {
        self.pools.insert(pool.clone());
    }

    /// Whether it is known that the worker is there, and stays.
    pub(crate) fn has_worker(&self, worker: WorkerId) -> bool {
        self.workers.contains(&worker)
    }

    pub(crate) fn learn_worker(&mut self, worker: WorkerId) {
        self.workers.insert(worker);
    }

    /// Whether it is known that the text is there, and stays.
    pub(crate) fn has_text(&self, digest: TextDigest) -> bool {
        self.texts.contains(&digest)
    }

    pub(crate) fn learn_text(&mut self, digest: TextDigest) {
        self.texts.insert(digest);
    }

    /// A run is about to end.
    pub(crate) fn ends(&mut self, run: RunKey) {
        self.ending.insert(run);
    }

    /// Runs that are about to end, with this one, as far as it is not known who watches them.
    pub(crate) fn unknown_ends(&self, run: RunKey) -> Vec<RunKey> {
        let others = self.ending.iter().copied();
        let others = others.filter(|it| *it != run && !self.watchers.contains_key(it));
        others.chain([run]).collect()
    }

    /// Who watches a run, all of whom are locked. What is said of their calls replaces what was
    /// known of them.
    pub(crate) fn learn_watchers(&mut self, run: RunKey, watchers: Option<Watchers>) {
        for watcher in watchers.iter().flat_map(|it| &it.calls) {
            match watcher.call {
                Some(call) => self.learn_call(watcher.run, watcher.seq, call),
                None => self.settled(watcher.run, watcher.seq),
            }
        }
        self.watchers.insert(run, watchers);
    }

    /// A call that has not settled.
    pub(crate) fn learn_call(&mut self, run: RunKey, seq: Seq, call: OpenCall) {
        if let Some(waiter) = call.waiter {
            self.waiters.insert(run, waiter);
        }
        self.open.insert((run, seq), call);
    }

    /// Who watches the run that ends. None: it is not known.
    pub(crate) fn take_watchers(&mut self, run: RunKey) -> Option<Option<Watchers>> {
        let watchers = self.watchers.remove(&run)?;
        self.ending.remove(&run);
        let Some(mut watchers) = watchers else {
            return Some(None);
        };
        for Watcher { run, seq, call } in &mut watchers.calls {
            *call = match self.open.get(&(*run, *seq)) {
                Some(open) => Some(self.as_it_is(*run, *open)?),
                None => None,
            };
        }
        Some(Some(watchers))
    }

    /// A call, if it is known to be open.
    pub(crate) fn open_call(&self, run: RunKey, seq: Seq) -> Option<OpenCall> {
        self.as_it_is(run, *self.open.get(&(run, seq))?)
    }

    /// None: it is not known how its run waits.
    fn as_it_is(&self, run: RunKey, call: OpenCall) -> Option<OpenCall> {
        let waiter = match call.awaited {
            Some(_) => Some(*self.waiters.get(&run)?),
            None => None,
        };
        Some(OpenCall { waiter, ..call })
    }

    /// A run is about to change.
    pub(crate) fn changed(&mut self, run: RunKey) {
        self.heads.retain(|_, head| head.key != run);
        self.waiters.remove(&run);
    }

    /// A waiting run needs so many more settlements.
    pub(crate) fn counted_down(&mut self, run: RunKey, left: u64) {
        if let Some(waiter) = self.waiters.get_mut(&run) {
            waiter.missing = Some(left);
        }
    }

    /// A call settles.
    pub(crate) fn settled(&mut self, run: RunKey, seq: Seq) {
        self.open.remove(&(run, seq));
    }

    /// A call is about to watch the run.
    pub(crate) fn watched(&mut self, run: RunKey) {
        self.watchers.remove(&run);
    }

    /// A run is about to wait for some of its calls.
    pub(crate) fn awaits(&mut self, run: RunKey) {
        let is_of = |watchers: &Option<Watchers>| {
            let mut calls = watchers.iter().flat_map(|it| &it.calls);
            calls.any(|call| call.run == run)
        };
        self.watchers.retain(|_, watchers| !is_of(watchers));
        self.open.retain(|(of, _), _| *of != run);
    }

    /// A write is undone, or something may concern any row.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
