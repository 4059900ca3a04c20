//! What a transaction has read of the runs that it has locked, so that it need not ask again.
//!
//! A run that is locked changes by this transaction alone. What a change may concern is forgotten
//! with it, and asked for anew.

use std::collections::{HashMap, HashSet};

use model::{PoolName, RunId};
use orchestrator::lifecycle::{Head, RunKey};

/// What is known of a run besides its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub is_watched: bool,
    pub has_open_subflows: bool,
}

#[derive(Default)]
pub(crate) struct Known {
    heads: HashMap<RunId, Head>,
    facts: HashMap<RunKey, Facts>,
    /// Runs that have no open subflow.
    whole: HashSet<RunId>,
    /// Whether pools have limits.
    limits: HashMap<PoolName, bool>,
}

impl Known {
    pub(crate) fn learn(&mut self, head: Head, facts: Facts, is_limited: bool) {
        if let Some(pool) = &head.pool {
            self.limits.insert(pool.clone(), is_limited);
        }
        if !facts.has_open_subflows {
            self.whole.insert(head.id);
        }
        self.facts.insert(head.key, facts);
        self.heads.insert(head.id, head);
    }

    /// The head, which whoever takes it is about to change.
    pub(crate) fn take_head(&mut self, run: RunId) -> Option<Head> {
        self.heads.remove(&run)
    }

    /// Whether it is known that no call watches the run.
    pub(crate) fn is_unwatched(&self, run: RunKey) -> bool {
        self.facts.get(&run).is_some_and(|it| !it.is_watched)
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

    /// A run is about to change.
    pub(crate) fn changed(&mut self, run: RunKey) {
        self.heads.retain(|_, head| head.key != run);
    }

    /// A call is about to watch the run.
    pub(crate) fn watched(&mut self, run: RunKey) {
        self.facts.remove(&run);
    }

    /// A write is undone, or something may concern any run.
    pub(crate) fn forget(&mut self) {
        self.heads.clear();
        self.facts.clear();
        self.whole.clear();
        self.limits.clear();
    }
}
