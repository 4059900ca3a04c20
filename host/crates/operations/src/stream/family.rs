//! Which runs an event concerns: those whose followers hear of it.
//!
//! ```text
//! run                     its states, tasks, log lines, inputs and artifacts
//!  +- subflow within it   all of the same: it lives in the sandbox of the run
//!  |   +- child           its states
//!  +- child               its states
//! ```

use std::sync::Arc;

use model::{Event, RunFacts, RunId};

/// Adds the runs that the event concerns, each once. `facts`: of the run that it is about.
pub(super) fn concerned(
    event: &Event,
    facts: Option<&RunFacts>,
    facts_of: impl FnOnce(RunId) -> Option<Arc<RunFacts>>,
    runs: &mut Vec<RunId>,
) {
    let mut add = |run: RunId| {
        if !runs.contains(&run) {
            runs.push(run);
        }
    };
    match event {
        Event::FlowRun(it) => {
            add(it.run);
            it.within.into_iter().for_each(&mut add);
            if let Some(parent) = facts.and_then(|facts| facts.parent) {
                add(parent);
                let around = facts_of(parent).and_then(|parent| parent.within);
                around.into_iter().for_each(&mut add);
            }
        }
        Event::TaskRun(it) => {
            add(it.flow_run);
            add(it.journal);
        }
        Event::Log(it) => {
            add(it.run);
            it.subflows.iter().copied().for_each(&mut add);
        }
        Event::Input(it) => {
            add(it.run);
            add(it.journal);
        }
        Event::Artifact(it) => {
            add(it.run);
            add(it.journal);
        }
        Event::RunDeleted {
            run,
            parent,
            within,
        } => {
            add(*run);
            parent.iter().chain(within).copied().for_each(&mut add);
        }
        Event::Deployment { .. } | Event::Pool { .. } | Event::Worker { .. } => {}
    }
}

/// Whether an event changes which pools have workers.
pub(super) fn is_of_pools(event: &Event) -> bool {
    matches!(event, Event::Pool { .. } | Event::Worker { .. })
}
