//! What never changes about runs, of those that events were about lately.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Event, PlacedEvent, RunFacts, RunId};

/// Runs of each of the two generations. A run takes some 300 bytes, so all take 10 MB at most.
const RUNS_MAX: usize = 16 << 10;

/// A cache of two generations: once the young one is full, it becomes the old one, and what
/// was not used since the last time is forgotten.
#[derive(Default)]
pub(super) struct Facts {
    young: HashMap<RunId, Arc<RunFacts>>,
    old: HashMap<RunId, Arc<RunFacts>>,
}

impl Facts {
    pub(super) fn add(&mut self, facts: Arc<RunFacts>) {
        if self.young.len() >= RUNS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(facts.id, facts);
    }

    pub(super) fn get(&mut self, run: RunId) -> Option<Arc<RunFacts>> {
        if let Some(facts) = self.young.get(&run) {
            return Some(Arc::clone(facts));
        }
        let facts = self.old.remove(&run)?;
        self.add(Arc::clone(&facts));
        Some(facts)
    }

    /// Learns of new runs from these events. Returns what else has to be known to tell whom
    /// they concern.
    pub(super) fn learn(&mut self, events: &[PlacedEvent]) -> Vec<RunId> {
        let mut unknown = Vec::new();
        for placed in events {
            let run = match &placed.event {
                Event::FlowRun(it) => {
                    if let Some(created) = &it.created {
                        self.add(Arc::clone(created));
                    }
                    it.run
                }
                event => match about(event) {
                    Some(run) => run,
                    None => continue,
                },
            };
            match self.get(run) {
                Some(facts) => unknown.extend(facts.parent.filter(|it| self.get(*it).is_none())),
                None => unknown.push(run),
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }
}

/// The run that an event is about.
pub(super) fn about(event: &Event) -> Option<RunId> {
    match event {
        Event::FlowRun(it) => Some(it.run),
        Event::TaskRun(it) => Some(it.flow_run),
        Event::Log(it) => Some(it.run),
        Event::Input(it) => Some(it.run),
        Event::Artifact(it) => Some(it.run),
        Event::Deployment { .. }
        | Event::Pool { .. }
        | Event::Worker { .. }
        | Event::RunDeleted { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use model::{FlowName, RunName};

    use super::*;

    fn facts(id: RunId) -> Arc<RunFacts> {
        Arc::new(RunFacts {
            id,
            name: RunName::trusted("silver-otter"),
            flow: FlowName::trusted("etl"),
            deployment: None,
            pool: None,
            parent: None,
            within: None,
        })
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
        let mut cache = Facts::default();
        let (used, unused) = (RunId::generate(), RunId::generate());
        cache.add(facts(used));
        cache.add(facts(unused));
        for _ in 0..3 * RUNS_MAX {
            cache.add(facts(RunId::generate()));
            assert!(cache.get(used).is_some());
        }
        assert!(cache.get(unused).is_none());
        assert!(cache.young.len() + cache.old.len() <= 2 * RUNS_MAX);
    }
}
