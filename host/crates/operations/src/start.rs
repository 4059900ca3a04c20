//! Starting runs.
//!
//! ```text
//! a deployment, or a component's flow --> Startable --run--> a run that fits
//!                                    --create--> that run, or the earlier one with its key
//! ```
//!
//! A flow that starts another does the same by way of its journal: the machine of its
//! execution makes the run and checks it, and what it needs for that is looked up with
//! [`Checkers`].
//!
//! Invariant: a run whose parameters do not fit its flow's schema is never created.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use model::{
    Component, Deployment, DeploymentName, Digest, FlowDescription, FlowName, FlowRun, Json,
    PoolName, RunId, Timestamp,
};
use orchestrator::{ParameterError, Parameters, Start, new_run, one_slot_each, undeployed_run};
use store::{Catalog, Missing, NewRun, Runs, StoreError, StoreResult};

use crate::resolve::{self, ResolveRefusal};

/// Why no run was started.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartRefusal {
    #[error("component {component} of deployment `{deployment}` is not in the database")]
    NoComponent {
        component: Digest,
        deployment: DeploymentName,
    },
    #[error("flow `{flow}` declares parameters that are no JSON Schema: {reason}")]
    Schema { flow: FlowName, reason: String },
    #[error("{misfit}")]
    Parameters {
        flow: Box<FlowDescription>,
        misfit: ParameterError,
    },
    #[error(transparent)]
    Resolve(#[from] ResolveRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A flow whose runs can be started: that of a deployment, or one of a component by itself.
pub struct Startable {
    pub component: Component,
    pub flow: FlowDescription,
    pub deployment: Option<Deployment>,
    parameters: Parameters,
}

impl Startable {
    pub async fn of_deployment(
        store: &dyn Catalog,
        deployment: Deployment,
    ) -> Result<Self, StartRefusal> {
        let component = store.component(deployment.component).await?;
        let component = component.ok_or_else(|| StartRefusal::NoComponent {
            component: deployment.component,
            deployment: deployment.name.clone(),
        })?;
        let flow = resolve::flow(&component, deployment.name.flow.as_str())?.clone();
        Ok(Self {
            deployment: Some(deployment),
            ..Self::of_component(component, flow)?
        })
    }

    /// `flow` is one of the component's.
    pub fn of_component(component: Component, flow: FlowDescription) -> Result<Self, StartRefusal> {
        Ok(Self {
            parameters: checker_of(&flow)?,
            component,
            flow,
            deployment: None,
        })
    }

    /// Whether the check of a run with these parameters takes no longer than a few
    /// milliseconds.
    pub fn is_light(&self, parameters: &Json) -> bool {
        self.parameters.is_light(parameters)
    }

    /// A new run, whose parameters fit. Nothing is written.
    pub fn run(&self, start: Start, now: Timestamp) -> Result<FlowRun, StartRefusal> {
        let run = match &self.deployment {
            Some(deployment) => new_run(deployment, start, now),
            // It belongs to a pool, so that another worker can take it up should the one that
            // it is reserved for be lost.
            None => FlowRun {
                limits: one_slot_each(&self.flow.options.limits),
                ..undeployed_run(
                    self.component.digest,
                    self.flow.name.clone(),
                    PoolName::default_pool(),
                    start,
                    now,
                )
            },
        };
        match self.parameters.check(&run.parameters) {
            Ok(()) => Ok(run),
            Err(misfit) => Err(StartRefusal::Parameters {
                flow: Box::new(self.flow.clone()),
                misfit,
            }),
        }
    }
}

/// The checker of a flow's parameters.
pub fn checker_of(flow: &FlowDescription) -> Result<Parameters, StartRefusal> {
    Parameters::new(&flow.schema.parameters).map_err(|reason| StartRefusal::Schema {
        flow: flow.name.clone(),
        reason,
    })
}

/// A run that was created, or the earlier one that had its idempotency key.
#[derive(Clone, Debug)]
pub struct Started {
    pub run: FlowRun,
    pub is_new: bool,
}

/// Creates a run.
pub async fn create(store: &dyn Runs, new: NewRun) -> StoreResult<Started> {
    let mut started = create_all(store, vec![new]).await?;
    Ok(started.remove(0))
}

/// Creates runs, all or none.
pub async fn create_all(store: &dyn Runs, new: Vec<NewRun>) -> StoreResult<Vec<Started>> {
    let ids: Vec<RunId> = new.iter().map(|new| new.run.id).collect();
    let runs = store.create_runs(new).await?;
    let started = runs.into_iter().zip(ids).map(|(run, id)| Started {
        is_new: run.id == id,
        run,
    });
    Ok(started.collect())
}

/// Checkers of parameters, for a process that starts many runs of few flows. A component
/// never changes, so they are never out of date.
#[derive(Default)]
pub struct Checkers(Mutex<HashMap<(Digest, FlowName), Checker>>);

/// What a flow asks for. Errs with the reason if its schema is not supported, as one may be that
/// an earlier version has taken.
type Checker = Result<Arc<Parameters>, String>;

impl Checkers {
    /// What a flow of a component asks for.
    pub async fn of(
        &self,
        store: &dyn Catalog,
        component: Digest,
        flow: &FlowName,
    ) -> StoreResult<Checker> {
        let key = (component, flow.clone());
        if let Some(known) = self.lock().get(&key) {
            return Ok(known.clone());
        }
        let found = store.component(component).await?;
        let found = found.ok_or(StoreError::NotFound(Missing::Component(component)))?;
        let description = found.manifest.flow(flow.as_str()).ok_or_else(|| {
            StoreError::Damaged(format!("a deployment's component has no flow `{flow}`"))
        })?;
        let checker = checker_of(description)
            .map(Arc::new)
            .map_err(|refusal| refusal.to_string());
        self.lock().insert(key, checker.clone());
        Ok(checker)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Digest, FlowName), Checker>> {
        self.0.lock().expect("no panic while looking up")
    }
}
