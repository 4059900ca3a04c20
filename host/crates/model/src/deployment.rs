//! A flow of one component, ready to be run.

use super::{
    Concurrency, DeploymentName, Digest, FlowName, Grants, Json, LimitName, PoolName, Priority,
    QueueName, Timestamp,
};

/// A flow of one component, with its pool, its defaults and what its tasks may reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub name: DeploymentName,
    pub component: Digest,
    pub pool: PoolName,
    /// The queue of the pool that its runs are in unless they name one. None: `default`.
    pub work_queue: Option<QueueName>,
    /// That of its runs unless they have one.
    pub priority: Option<Priority>,
    /// How many of its runs may be under way at once.
    pub concurrency: Option<Concurrency>,
    /// The limits of which each of its runs takes a slot.
    pub limits: Vec<LimitName>,
    /// An object of parameters by name, below those of a run.
    pub parameters: Json,
    pub tags: Vec<String>,
    pub grants: Grants,
    pub description: Option<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Deployment {
    /// The deployment of a flow where nothing is said of it: in the default pool, without
    /// parameters, tags or grants.
    pub fn plain(flow: &FlowName, component: Digest, created: Timestamp) -> Self {
        Self {
            name: DeploymentName::default_for(flow),
            component,
            pool: PoolName::default_pool(),
            work_queue: None,
            priority: None,
            concurrency: None,
            limits: Vec::new(),
            parameters: Json::empty_object(),
            tags: Vec::new(),
            grants: Grants::default(),
            description: None,
            created,
            updated: created,
        }
    }
}
