//! What is deployed: one component whose flows are the scripts.

use std::sync::Arc;

use super::script::{BRIEF, COMPUTE, KEPT, SCARCE, Scripts};
use crate::NewRun;
use crate::contract::cast::{self, at};
use model::{
    Deployment, DeploymentName, FlowDescription, FlowOptions, Grants, Json, LimitName, Manifest,
    PoolName, RunId, RunName, Schema, State, TaskDescription, TaskName, TaskOptions, Timestamp,
};
use orchestrator::Parameters;
use orchestrator::flow::Known;

/// A run of the simulation's pool, ready now.
pub(super) fn new_run(flow: &str, id: RunId, pool: &PoolName, now: Timestamp) -> NewRun {
    let mut new = cast::new_run(flow);
    new.run.id = id;
    new.run.name = RunName::trusted("simulated");
    new.run.pool = Some(pool.clone());
    new.run.created = now;
    new.run.scheduled = now;
    new.run.state = State::scheduled(now);
    new
}

/// A limit of which only the code of a script takes slots, by its number.
pub(super) fn limit_of_code(pool: &PoolName, script: usize, number: usize) -> LimitName {
    LimitName::trusted(format!("{pool}-code-{script}-{number}"))
}

/// What the component says of itself that all scripts are flows of.
pub(super) fn manifest() -> Manifest {
    let schema = || Schema {
        parameters: Json::empty_object(),
        result: Json::empty_object(),
    };
    let flow = |at| FlowDescription {
        name: Scripts::name(at),
        description: None,
        version: None,
        schema: schema(),
        options: FlowOptions::default(),
    };
    let task = |name: &str| TaskDescription {
        name: TaskName::trusted(name),
        description: None,
        version: None,
        schema: schema(),
        options: TaskOptions::default(),
    };
    Manifest {
        flows: (0..4).map(flow).collect(),
        tasks: [COMPUTE, SCARCE, KEPT, BRIEF].map(task).into(),
    }
}

/// Whether only the code of flows takes slots of it.
pub(super) fn limit_is_of_code(limit: &LimitName) -> bool {
    limit.as_str().contains("-code-")
}

pub(super) fn deployed(script: usize, pool: &PoolName) -> Known {
    let flow = Scripts::name(script);
    let deployment = Deployment {
        name: DeploymentName::default_for(&flow),
        component: cast::new_run(flow.as_str()).run.component,
        pool: pool.clone(),
        work_queue: None,
        priority: None,
        concurrency: None,
        limits: Vec::new(),
        parameters: Json::empty_object(),
        tags: Vec::new(),
        grants: Grants::default(),
        description: None,
        created: at(0),
        updated: at(0),
    };
    let parameters = Parameters::new(&Json::empty_object());
    Known {
        deployment: Arc::new(deployment),
        parameters: Ok(Arc::new(parameters.expect("anything fits"))),
    }
}
