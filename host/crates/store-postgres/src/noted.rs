//! What the writer keeps in memory while a transaction goes on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{DeploymentName, FlowName, FlowRun};
use orchestrator::lifecycle::{Ended, OriginKey};

/// What a transaction notes of the runs that end.
#[derive(Default)]
pub(crate) struct Ends(Vec<(Ended, i64)>);

impl Ends {
    pub(crate) fn ended(&mut self, run: Ended) {
        self.0.push((run, 1));
    }

    /// It has not ended so any more.
    pub(crate) fn reopened(&mut self, run: Ended) {
        self.0.push((run, -1));
    }

    pub(crate) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was noted since.
    pub(crate) fn back_to(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each end, and how often it counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Ended, i64)> {
        self.0.iter()
    }
}

/// More flows than that are not remembered.
const REMEMBERED_MAX: usize = 10_000;

/// The deployments of a flow, and its runs of none.
type OfFlow = Vec<(Option<DeploymentName>, OriginKey)>;

/// The numbers of origins that the writer has seen. A number is never given up. What a transaction
/// adds is remembered too, and forgotten if it is undone.
#[derive(Default)]
pub(crate) struct KnownOrigins(Mutex<Known>);

#[derive(Default)]
struct Known {
    flows: HashMap<FlowName, OfFlow>,
    /// Whether the transaction has added any.
    has_added: bool,
}

impl KnownOrigins {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction is committed.
    pub(crate) fn committed(&self) {
        self.known().has_added = false;
    }

    /// What the transaction has added is undone.
    pub(crate) fn undone(&self) {
        let mut known = self.known();
        if std::mem::take(&mut known.has_added) {
            known.flows.clear();
        }
    }

    pub(crate) fn find(&self, run: &FlowRun) -> Option<OriginKey> {
        let known = self.known();
        let mut of_flow = known.flows.get(&run.flow)?.iter();
        let found = of_flow.find(|(deployment, _)| *deployment == run.deployment);
        found.map(|(_, origin)| *origin)
    }

    pub(crate) fn remember(&self, run: &FlowRun, origin: OriginKey, is_added: bool) {
        let mut known = self.known();
        known.has_added |= is_added;
        if known.flows.len() < REMEMBERED_MAX {
            let of_flow = known.flows.entry(run.flow.clone()).or_default();
            of_flow.push((run.deployment.clone(), origin));
        }
    }
}
