//! Looking at things: with all that belongs to them.

use std::collections::VecDeque;

use model::{
    Attempt, Awaited, AwaitedInput, Deployment, Entry, FlowDescription, FlowRun, HistoryLine,
    PoolName, RunId, RunName, StateType, TaskRun, Worker, attempts,
};
use store::{ArtifactsOf, Catalog, Store, StoreResult, StoredArtifact, TaskRunFilter, Workers};

use crate::resolve;
use crate::start::{StartRefusal, Startable};
use crate::view::{DeploymentDetailsView, FlowRunDetailsView, TallyView, views};

/// So many artifacts are shown with their run.
const ARTIFACTS_MAX: u32 = 100;

/// A flow run with all that belongs to it.
#[derive(Clone, Debug)]
pub struct RunDetails {
    pub run: FlowRun,
    /// Oldest first.
    pub history: Vec<HistoryLine>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
    /// How many of its children are in each state.
    pub children: Vec<(StateType, u64)>,
    pub task_runs: Vec<TaskRun>,
    /// What it and the subflows within it wait for a person to give.
    pub inputs: Vec<AwaitedInput>,
    /// The newest that it and the subflows within it have made, newest first.
    pub artifacts: Vec<StoredArtifact>,
    /// The runs that it waits for, one because of the other, the last of which waits for it.
    pub circle: Vec<RunName>,
    /// None unless it was asked for.
    pub journal: Option<Vec<Entry>>,
}

impl From<RunDetails> for FlowRunDetailsView {
    fn from(details: RunDetails) -> Self {
        Self {
            run: details.run.into(),
            history: views(details.history),
            attempts: views(details.attempts),
            children: TallyView(details.children),
            task_runs: views(details.task_runs),
            inputs: views(details.inputs),
            artifacts: views(details.artifacts),
            circle: details.circle,
            journal: details.journal.map(views),
        }
    }
}

/// All that belongs to a run: of its task runs the newest `tasks_max` (0: all), and its journal
/// if it is asked for.
pub async fn run(
    store: &dyn Store,
    run: FlowRun,
    tasks_max: u32,
    with_journal: bool,
) -> StoreResult<RunDetails> {
    let history = store.history(run.id).await?;
    let children = store.child_states(run.id).await?;
    let tasks = TaskRunFilter {
        flow_run: Some(run.id),
        ..TaskRunFilter::default()
    };
    let task_runs = store.newest_task_runs(&tasks, tasks_max).await?;
    let inputs = store.awaited_inputs(run.id).await?;
    let artifacts = store
        .artifacts(&ArtifactsOf::Run(run.id), None, ARTIFACTS_MAX)
        .await?;
    let journal = if with_journal {
        // A subflow's calls stand in the journal of the run it is part of.
        Some(store.journal(run.within.unwrap_or(run.id)).await?)
    } else {
        None
    };
    let circle = circle(store, &run, &history).await?;
    Ok(RunDetails {
        circle,
        run,
        attempts: attempts(&history),
        history,
        children,
        task_runs,
        inputs,
        artifacts,
        journal,
    })
}

/// How many runs are looked at for a circle of waits.
const CIRCLE_MAX: usize = 100;

/// The way from a run that waits back to itself, through runs each of which waits for the next.
async fn circle(
    store: &dyn Store,
    run: &FlowRun,
    history: &[HistoryLine],
) -> StoreResult<Vec<RunName>> {
    // Each with the place in the list of the one that waits for it.
    let mut found: Vec<(RunId, RunName, Option<usize>)> = Vec::new();
    let first = awaited_runs(history).into_iter();
    let mut ahead: VecDeque<(RunId, Option<usize>)> = first.map(|id| (id, None)).collect();
    while let Some((id, by)) = ahead.pop_front() {
        if id == run.id {
            let mut names = Vec::new();
            let mut at = by;
            while let Some((_, name, by)) = at.map(|at| &found[at]) {
                names.push(name.clone());
                at = *by;
            }
            names.reverse();
            return Ok(names);
        }
        let is_known = found.iter().any(|(known, ..)| *known == id);
        if is_known || found.len() >= CIRCLE_MAX {
            continue;
        }
        let Some(waits) = store.flow_run(id).await? else {
            continue;
        };
        if waits.state.kind != StateType::Waiting {
            continue;
        }
        let history = store.history(id).await?;
        let next = awaited_runs(&history).into_iter();
        ahead.extend(next.map(|id| (id, Some(found.len()))));
        found.push((id, waits.name, by));
    }
    Ok(Vec::new())
}

/// The runs that a run waits for and cannot do without, as far as its history names them.
fn awaited_runs(history: &[HistoryLine]) -> Vec<RunId> {
    let waits = history.last().and_then(|line| line.waits.as_ref());
    let Some(waits) = waits.filter(|waits| !waits.any || waits.count == 1) else {
        return Vec::new();
    };
    let run = |awaited: &Awaited| match awaited {
        Awaited::Run { id, .. } => Some(*id),
        _ => None,
    };
    waits.first.iter().filter_map(run).collect()
}

/// A deployment, and what its component says of its flow.
#[derive(Clone, Debug)]
pub struct DeploymentDetails {
    pub deployment: Deployment,
    pub flow: FlowDescription,
}

impl From<DeploymentDetails> for DeploymentDetailsView {
    fn from(details: DeploymentDetails) -> Self {
        Self {
            deployment: details.deployment.into(),
            flow: details.flow.into(),
        }
    }
}

/// The deployment `flow/deployment`, or the only one of a flow.
pub async fn deployment(
    store: &dyn Catalog,
    text: &str,
) -> Result<DeploymentDetails, StartRefusal> {
    let deployment = resolve::deployment(store, text).await?;
    let startable = Startable::of_deployment(store, deployment.clone()).await?;
    Ok(DeploymentDetails {
        deployment,
        flow: startable.flow,
    })
}

/// The workers that are alive, of one pool if it is given.
pub async fn workers(store: &dyn Workers, pool: Option<&PoolName>) -> StoreResult<Vec<Worker>> {
    let mut workers = store.workers().await?;
    workers.retain(|worker| pool.is_none() || worker.pool.as_ref() == pool);
    Ok(workers)
}
