//! Compares the stream of events with what the store says of the runs.

use std::collections::HashMap;

use super::world::World;
use crate::Store;
use crate::contract::events::read;
use model::{Event, FlowRun, FlowRunEvent, RunId};

impl<S: Store> World<'_, S> {
    /// Whatever went wrong, each line of each history came once, and in order.
    pub(super) async fn check_the_stream(&mut self, runs: &[FlowRun]) {
        let page = self.rng.below(40) as u32 + 1;
        let mut told: HashMap<RunId, Vec<FlowRunEvent>> = HashMap::new();
        for placed in read(self.store, self.begin, page).await {
            if let Event::FlowRun(it) = placed.event {
                told.entry(it.run).or_default().push(it);
            }
        }
        let mut subflows = Vec::new();
        for id in told
            .keys()
            .filter(|id| runs.iter().all(|run| run.id != **id))
        {
            let run = self.store.flow_run(*id).await.unwrap();
            subflows.push(run.expect("what is told of exists"));
        }
        assert!(subflows.iter().all(|run| run.within.is_some()));
        for run in runs.iter().chain(&subflows) {
            let told = told.remove(&run.id).unwrap_or_default();
            let lines: Vec<u64> = told.iter().map(|it| it.line).collect();
            let history = self.store.history(run.id).await.unwrap();
            assert_eq!(lines, (1..=history.len() as u64).collect::<Vec<_>>());
            let states = told.iter().map(|it| (it.state.clone(), it.attempt));
            let lines = history.into_iter().map(|line| (line.state, line.attempt));
            let (states, lines): (Vec<_>, Vec<_>) = (states.collect(), lines.collect());
            assert_eq!(states, lines, "{run:#?}");
            assert!(told.iter().all(|it| it.within == run.within), "{told:#?}");
            assert_eq!(told.last().map(|it| it.attempt), Some(run.attempt));
            let created = told[0].created.as_deref();
            assert_eq!(created.map(|facts| facts.parent), Some(run.parent));
        }
    }
}
