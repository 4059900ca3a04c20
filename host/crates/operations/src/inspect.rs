//! Looking at things: with all that belongs to them.

use model::{
    Attempt, AwaitedInput, Deployment, Entry, FlowDescription, FlowRun, HistoryLine, PoolName,
    StateType, TaskRun, Worker, attempts,
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
    Ok(RunDetails {
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
