//! How a run comes into being.

use model::{
    Deployment, Digest, FlowName, FlowRun, Grants, Ids, Json, PoolName, RunId, RunName, State,
    Timestamp,
};

/// What is wished of a new run.
#[derive(Clone, Debug)]
pub struct Start {
    pub id: RunId,
    pub name: RunName,
    /// An object by name, laid over the deployment's.
    pub parameters: Json,
    /// Besides the deployment's.
    pub tags: Vec<String>,
    pub scheduled: Timestamp,
    pub parent: Option<RunId>,
    pub work_queue: Option<String>,
}

impl Start {
    /// A run with these parameters, as soon as possible.
    pub fn now(ids: &mut impl Ids, parameters: Json, now: Timestamp) -> Self {
        Self {
            id: RunId::new(ids),
            name: ids.run_name(),
            parameters,
            tags: Vec::new(),
            scheduled: now,
            parent: None,
            work_queue: None,
        }
    }
}

/// A run of a deployment, not checked against its schema.
pub fn new_run(deployment: &Deployment, start: Start, now: Timestamp) -> FlowRun {
    let mut tags = deployment.tags.clone();
    let more = start
        .tags
        .iter()
        .filter(|tag| !deployment.tags.contains(tag));
    tags.extend(more.cloned());
    let parameters = deployment.parameters.overlaid(&start.parameters);
    let (flow, pool) = (deployment.name.flow.clone(), deployment.pool.clone());
    FlowRun {
        deployment: Some(deployment.name.clone()),
        grants: deployment.grants.clone(),
        parameters,
        tags,
        ..undeployed_run(deployment.component, flow, pool, start, now)
    }
}

/// A run of a flow of a component that is not deployed. It belongs to `pool`, so that
/// another worker can take it up should the one that it is reserved for be lost.
pub fn undeployed_run(
    component: Digest,
    flow: FlowName,
    pool: PoolName,
    start: Start,
    now: Timestamp,
) -> FlowRun {
    FlowRun {
        id: start.id,
        name: start.name,
        flow,
        deployment: None,
        component,
        pool: Some(pool),
        work_queue: start.work_queue,
        grants: Grants::default(),
        parameters: start.parameters,
        tags: start.tags,
        parent: start.parent,
        within: None,
        state: State::scheduled(now),
        attempt: 0,
        epoch: 0,
        created: now,
        scheduled: start.scheduled,
        started: None,
        ended: None,
        outcome: None,
    }
}

/// A subflow of `owner`, called by `parent` (the owner itself, or another subflow in it).
pub fn subflow_run(
    ids: &mut impl Ids,
    owner: &FlowRun,
    parent: RunId,
    flow: FlowName,
    parameters: Json,
    now: Timestamp,
) -> FlowRun {
    FlowRun {
        id: RunId::new(ids),
        name: ids.run_name(),
        flow,
        deployment: None,
        component: owner.component,
        pool: None,
        work_queue: None,
        grants: owner.grants.clone(),
        parameters,
        tags: Vec::new(),
        parent: Some(parent),
        within: Some(owner.id),
        state: State::running(1, now),
        attempt: 1,
        epoch: 0,
        created: now,
        scheduled: now,
        started: Some(now),
        ended: None,
        outcome: None,
    }
}
