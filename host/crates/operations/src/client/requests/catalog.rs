//! What is asked of components, deployments and work pools.

use std::collections::BTreeMap;

use model::{Json, LimitName, PoolName, Priority, QueueName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::given::given;
use super::schedules::CreateSchedule;
use crate::view::ConcurrencyView;

/// What the tasks of a deployment may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrantsRequest {
    /// Where tasks may send HTTP requests: `host`, `*.host`, `host:port`,
    /// `https://host[:port]`, or `*` for any host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
    /// Where tasks may open TCP connections: `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<String>,
    /// Whether granted names may lead to addresses of the worker's machine and network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Variables of the tasks' environment: `NAME=VALUE`, or `NAME` for the worker's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Directories of the worker's machine: `HOST:GUEST` or `HOST:GUEST:ro`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dirs: Vec<String>,
    /// Whether each attempt of a task has an empty directory of its own at `/tmp`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tmp: bool,
    /// Secrets that tasks may ask for: `NAME`, or `NAME=ENV` to have it in the environment, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// Deployments to make, of flows of one component. What is left out goes back to its
/// default.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "component": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "pool": "default-pool"
}))]
pub struct DeployRequest {
    /// The digest of an uploaded component, or the beginning of it.
    pub component: String,
    /// Only these flows of it; none means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<String>,
    /// The part of the names after the slash, instead of `<flow>-deployment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default = "PoolName::default_pool")]
    pub pool: PoolName,
    /// The queue of the pool that runs are in unless they name one, instead of `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<QueueName>,
    /// That of runs unless they have one, instead of 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// How many of its runs may be under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyView>,
    /// Limits of which each run takes a slot. Left out: those that each flow declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Vec<LimitName>>,
    /// Default parameters, by name.
    #[serde(default = "Json::empty_object")]
    pub parameters: Json,
    /// Default parameters of single flows, by the flows' names, in place of `parameters`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flow_parameters: BTreeMap<String, Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default)]
    pub grants: GrantsRequest,
    /// What it is for, instead of what the flow says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The schedules that it has, besides those that were added to it later. Left out: those that
    /// each flow declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedules: Option<Vec<CreateSchedule>>,
}

/// A change of a deployment. What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"pool": "gpu", "parameters": {"batch_size": 500}}))]
pub struct EditDeployment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// The pool must have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<QueueName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Vec<LimitName>>,
    /// Default parameters, by name: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<GrantsRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A work pool to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "gpu", "limit": 4}))]
pub struct CreatePool {
    pub name: PoolName,
    /// Flow runs executed at once, over all of its workers. None: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether its runs wait until it is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// A change of a work pool. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"limit": 4, "paused": false}))]
pub struct ChangePool {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// `null` removes the limit.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub limit: Option<Option<u32>>,
}

/// A queue of a work pool to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "urgent", "priority": 1}))]
pub struct CreateQueue {
    pub name: QueueName,
    /// Among the queues of the pool.
    #[serde(default)]
    pub priority: Priority,
    /// Flow runs of it executed at once, within the limit of the pool. None: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether its runs wait until it is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// A change of a queue. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"priority": 1, "limit": 4}))]
pub struct ChangeQueue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// `null` removes the limit.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub limit: Option<Option<u32>>,
}
