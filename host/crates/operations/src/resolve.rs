//! What is meant by a text: a run, a deployment, a work pool, a component, a flow of one.
//!
//! Where a text means nothing or too much, the refusal holds what is near to it or what it
//! may mean, for the asker to choose from.

use model::{
    Component, Deployment, DeploymentName, FlowDescription, FlowName, FlowRun, IdPrefix, NameError,
    PoolName, QueueName, RunName, Timestamp,
};
use store::{
    Catalog, PageRequest, PoolUse, Pools, QueueUse, RunFilter, Store, StoreError, StoreResult,
    Values,
};

use orchestrator::nearest;

/// How many candidates a refusal holds.
const CANDIDATES_MAX: usize = 10;

/// Why it is not known what a text means.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResolveRefusal {
    #[error("no flow run has the id or the name `{asked}`")]
    NoRun {
        asked: String,
        /// The name of one of the newest.
        nearest: Option<RunName>,
    },
    /// `found` has the newest ones at this time, and `more` says whether there are others.
    #[error("`{asked}` may be any of several flow runs")]
    SeveralRuns {
        asked: String,
        found: Vec<FlowRun>,
        more: bool,
        at: Timestamp,
    },
    #[error(transparent)]
    BadName(#[from] NameError),
    #[error("there is no deployment `{asked}`")]
    NoDeployment {
        asked: DeploymentName,
        nearest: Option<DeploymentName>,
    },
    /// No deployment is of this flow.
    #[error("there is no deployed flow `{asked}`")]
    NoDeployedFlow {
        asked: FlowName,
        nearest: Option<FlowName>,
    },
    /// A person who leaves out the flow may have typed the deployment's own name.
    #[error("no flow is called `{asked}`")]
    NotAFlow {
        asked: FlowName,
        deployment: DeploymentName,
    },
    #[error("flow `{flow}` has {} deployments: {}", .found.len(), listed(.found))]
    SeveralDeployments {
        flow: FlowName,
        found: Vec<DeploymentName>,
    },
    #[error("work pool `{asked}` does not exist")]
    NoPool {
        asked: PoolName,
        nearest: Option<PoolName>,
    },
    #[error("work pool `{pool}` has no queue `{asked}`")]
    NoQueue {
        pool: PoolName,
        asked: QueueName,
        nearest: Option<QueueName>,
    },
    #[error("no component has the digest `{asked}`")]
    NoComponent { asked: String },
    #[error("`{asked}` may be any of {count} components")]
    SeveralComponents { asked: String, count: usize },
    #[error("there is no flow `{asked}` in the component")]
    NoFlow {
        asked: String,
        nearest: Option<FlowName>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn listed(names: &[DeploymentName]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

type Result<T> = std::result::Result<T, ResolveRefusal>;

/// The run with this id, or whose id begins so, or of this name.
pub async fn run(store: &dyn Store, text: &IdPrefix) -> Result<FlowRun> {
    let mut found = store.find_runs(text, CANDIDATES_MAX as u32 + 1).await?;
    let asked = || text.0.clone();
    match found.len() {
        0 => Err(ResolveRefusal::NoRun {
            nearest: nearest_run(store, &text.0).await?,
            asked: asked(),
        }),
        1 => Ok(found.remove(0)),
        count => {
            found.truncate(CANDIDATES_MAX);
            Err(ResolveRefusal::SeveralRuns {
                asked: asked(),
                found,
                more: count > CANDIDATES_MAX,
                at: store.clock().now(),
            })
        }
    }
}

/// The newest runs, among which a mistyped name is looked for.
const NEWEST: u32 = 200;

async fn nearest_run(store: &dyn Store, asked: &str) -> StoreResult<Option<RunName>> {
    let newest = PageRequest {
        values: Values::LeftOut,
        ..PageRequest::newest(NEWEST)
    };
    let runs = store.flow_runs(&RunFilter::default(), &newest).await?;
    let names = runs.items.into_iter().map(|run| run.name);
    Ok(nearest(asked, names))
}

/// The deployment `flow/deployment`, or the only one of a flow.
pub async fn deployment(store: &dyn Catalog, text: &str) -> Result<Deployment> {
    if text.contains('/') {
        named_deployment(store, text.parse()?).await
    } else {
        only_deployment(store, FlowName::new(text)?).await
    }
}

async fn named_deployment(store: &dyn Catalog, asked: DeploymentName) -> Result<Deployment> {
    if let Some(deployment) = store.deployment(&asked).await? {
        return Ok(deployment);
    }
    Err(ResolveRefusal::NoDeployment {
        nearest: nearest_deployment(store, &asked).await?,
        asked,
    })
}

/// The deployment that was probably meant by a name that none has.
pub async fn nearest_deployment(
    store: &dyn Catalog,
    asked: &DeploymentName,
) -> StoreResult<Option<DeploymentName>> {
    let known = store.deployments(None).await?;
    let known = known.into_iter().map(|known| known.name);
    Ok(nearest(&asked.to_string(), known))
}

async fn only_deployment(store: &dyn Catalog, flow: FlowName) -> Result<Deployment> {
    let mut found = store.deployments(Some(&flow)).await?;
    match found.len() {
        1 => Ok(found.remove(0)),
        _ => {
            let known = store.deployments(None).await?;
            let known = known.into_iter().map(|known| known.name).collect();
            only_of(flow, known).and_then(|name| {
                let found = found.into_iter().find(|found| found.name == name);
                found.ok_or(ResolveRefusal::NoDeployment {
                    asked: name,
                    nearest: None,
                })
            })
        }
    }
}

/// The only deployment of a flow, by the names of all there are.
pub fn only_of(flow: FlowName, known: Vec<DeploymentName>) -> Result<DeploymentName> {
    let own = known.iter().filter(|known| known.flow == flow);
    let mut found: Vec<_> = own.cloned().collect();
    match found.len() {
        0 => Err(no_deployment_of(flow, known)),
        1 => Ok(found.remove(0)),
        _ => Err(ResolveRefusal::SeveralDeployments { flow, found }),
    }
}

fn no_deployment_of(asked: FlowName, known: Vec<DeploymentName>) -> ResolveRefusal {
    let own = known.iter().find(|known| *known.name == *asked.as_str());
    if let Some(own) = own {
        return ResolveRefusal::NotAFlow {
            deployment: own.clone(),
            asked,
        };
    }
    let flows = known.into_iter().map(|known| known.flow);
    ResolveRefusal::NoDeployedFlow {
        nearest: nearest(asked.as_str(), flows),
        asked,
    }
}

/// An existing work pool.
pub async fn pool(store: &dyn Pools, name: &PoolName) -> Result<PoolUse> {
    if let Some(pool) = store.pool(name).await? {
        return Ok(pool);
    }
    let known = store.pools().await?;
    let known = known.into_iter().map(|known| known.pool.name);
    Err(ResolveRefusal::NoPool {
        nearest: nearest(name.as_str(), known),
        asked: name.clone(),
    })
}

/// An existing queue of a work pool.
pub async fn queue(store: &dyn Store, pool: &PoolName, name: &QueueName) -> Result<QueueUse> {
    self::pool(store, pool).await?;
    let mut known = store.queues(Some(pool)).await?;
    if let Some(at) = known.iter().position(|known| known.queue.name == *name) {
        return Ok(known.swap_remove(at));
    }
    let known = known.into_iter().map(|known| known.queue.name);
    Err(ResolveRefusal::NoQueue {
        nearest: nearest(name.as_str(), known),
        pool: pool.clone(),
        asked: name.clone(),
    })
}

/// The component with this digest, or whose digest begins so.
pub async fn component(store: &dyn Catalog, digest: &str) -> Result<Component> {
    let begin = digest.strip_prefix("sha256:").unwrap_or(digest);
    let begin = begin.to_ascii_lowercase();
    let mut found = store.components().await?;
    found.retain(|component| component.digest.to_string().starts_with(&begin));
    let asked = digest.to_owned();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(ResolveRefusal::NoComponent { asked }),
        count => Err(ResolveRefusal::SeveralComponents { asked, count }),
    }
}

/// The flow of this name in a component.
pub fn flow<'c>(component: &'c Component, name: &str) -> Result<&'c FlowDescription> {
    flow_among(&component.manifest.flows, name)
}

/// The same, by the flows of a component.
pub fn flow_among<'c>(flows: &'c [FlowDescription], name: &str) -> Result<&'c FlowDescription> {
    let found = flows.iter().find(|flow| flow.name.as_str() == name);
    found.ok_or_else(|| ResolveRefusal::NoFlow {
        asked: name.to_owned(),
        nearest: nearest(name, flows.iter().map(|flow| flow.name.clone())),
    })
}
