//! A flow of one component, ready to be run.

use serde::{Deserialize, Serialize};

use super::{DeploymentName, Digest, FlowName, Json, PoolName, Timestamp};

/// A flow of one component, with its pool, its defaults and what its tasks may reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub name: DeploymentName,
    pub component: Digest,
    pub pool: PoolName,
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
            parameters: Json::empty_object(),
            tags: Vec::new(),
            grants: Grants::default(),
            description: None,
            created,
            updated: created,
        }
    }
}

/// What the tasks of a deployment may reach. Nothing by default. A flow never reaches
/// anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grants {
    /// Hosts to which tasks may send HTTP requests: `host`, `host:port` or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
}

impl Grants {
    /// Whether nothing is granted. Then a task cannot touch anything outside, so it may run
    /// before the journal says so.
    pub fn is_empty(&self) -> bool {
        let Self { http } = self;
        http.is_empty()
    }
}
