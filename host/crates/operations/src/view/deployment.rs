//! Deployments.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConcurrencyView, FlowView, StateView, View};
use model::{
    Deployment, DeploymentName, Digest, Grants, Json, LimitName, PoolName, Priority, QueueName,
    RunId, Timestamp,
};
use store::LatestEnd;

/// A deployment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    pub name: DeploymentName,
    pub component: Digest,
    pub pool: PoolName,
    /// The queue of the pool that its runs are in unless they name one. Left out where that is
    /// `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<QueueName>,
    /// That of its runs unless they have one. Left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// How many of its runs may be under way at once. Left out where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyView>,
    /// Limits of which each run takes a slot. Left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitName>,
    /// Default parameters, below those of a run.
    pub parameters: Json,
    pub tags: Vec<String>,
    pub grants: GrantsView,
    /// Left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// How the latest runs have ended, the latest created first. Left out unless a listing is
    /// asked for it; there may be fewer than asked for if the others were long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Vec<LatestEndView>>,
    /// When its next run by the clock is. Left out where no schedule has a slot to come, and where it
    /// is not one of a listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_slot: Option<Timestamp>,
}

impl View for DeploymentView {}

/// How a run has ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LatestEndView {
    pub run: RunId,
    pub state: StateView,
    /// When its last attempt began. Null if none did.
    pub started: Option<Timestamp>,
}

impl View for LatestEndView {}

impl From<LatestEnd> for LatestEndView {
    fn from(end: LatestEnd) -> Self {
        Self {
            run: end.run,
            state: end.state.into(),
            started: end.started,
        }
    }
}

impl From<Deployment> for DeploymentView {
    fn from(deployment: Deployment) -> Self {
        Self {
            name: deployment.name,
            component: deployment.component,
            pool: deployment.pool,
            work_queue: deployment.work_queue,
            priority: deployment.priority,
            concurrency: deployment.concurrency.map(Into::into),
            limits: deployment.limits,
            parameters: deployment.parameters,
            tags: deployment.tags,
            grants: deployment.grants.into(),
            description: deployment.description,
            created: deployment.created,
            updated: deployment.updated,
            latest: None,
            next_slot: None,
        }
    }
}

/// What the tasks of a deployment may reach. What is not granted is left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GrantsView {
    /// Where tasks may send HTTP requests: `host`, `*.host`, `host:port`,
    /// `https://host[:port]`, or `*` for any host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
    /// Where tasks may open TCP connections: `host:port`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<String>,
    /// Whether granted names may lead to addresses of the worker's machine and network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Variables of the tasks' environment: `NAME=VALUE`, or `NAME` for the worker's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Directories of the worker's machine: `HOST:GUEST` or `HOST:GUEST:ro`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dirs: Vec<String>,
    /// Whether each attempt of a task has an empty directory of its own at `/tmp`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tmp: bool,
    /// Secrets that tasks may ask for: `NAME`, or `NAME=ENV` to have it in the environment, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl GrantsView {
    /// Each grant in words: `HTTP to api.example.com`.
    pub fn in_words(&self) -> Vec<String> {
        crate::grants::in_words(&self.clone().into())
    }
}

impl View for GrantsView {}

impl From<Grants> for GrantsView {
    fn from(grants: Grants) -> Self {
        let Grants {
            http,
            tcp,
            private,
            env,
            dirs,
            tmp,
            secrets,
        } = grants;
        Self {
            http,
            tcp,
            private,
            env,
            dirs,
            tmp,
            secrets,
        }
    }
}

impl From<GrantsView> for Grants {
    fn from(view: GrantsView) -> Self {
        let GrantsView {
            http,
            tcp,
            private,
            env,
            dirs,
            tmp,
            secrets,
        } = view;
        Self {
            http,
            tcp,
            private,
            env,
            dirs,
            tmp,
            secrets,
        }
    }
}

/// A deployment and the flow that it runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Json")]
pub struct DeploymentDetailsView {
    #[serde(flatten)]
    pub deployment: DeploymentView,
    /// What the component says of the flow, its schemas included.
    pub flow: FlowView,
}

impl View for DeploymentDetailsView {}

/// As in [`FlowRunDetailsView`](super::FlowRunDetailsView).
impl TryFrom<Json> for DeploymentDetailsView {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        #[derive(Deserialize)]
        struct Rest {
            flow: FlowView,
        }
        let Rest { flow } = serde_json::from_str(json.as_str())?;
        Ok(Self {
            deployment: serde_json::from_str(json.as_str())?,
            flow,
        })
    }
}

/// What became of a deployment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Json")]
pub struct DeployedView {
    /// `created`, `updated` or `unchanged`.
    pub outcome: Cow<'static, str>,
    /// What is not as it was: `component`, `pool`, `parameters`, `tags`, `grants` or
    /// `description`.
    pub changed: Vec<Cow<'static, str>>,
    /// The grants that are new, as `+HTTP to api.example.com`, and those that are gone, with `-`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_grants: Vec<String>,
    #[serde(flatten)]
    pub deployment: DeploymentView,
}

impl View for DeployedView {}

/// As in [`FlowRunDetailsView`](super::FlowRunDetailsView).
impl TryFrom<Json> for DeployedView {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        #[derive(Deserialize)]
        struct Rest {
            outcome: Cow<'static, str>,
            changed: Vec<Cow<'static, str>>,
            #[serde(default)]
            changed_grants: Vec<String>,
        }
        let Rest {
            outcome,
            changed,
            changed_grants,
        } = serde_json::from_str(json.as_str())?;
        Ok(Self {
            outcome,
            changed,
            changed_grants,
            deployment: serde_json::from_str(json.as_str())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{deployment, flow, shown};

    #[test]
    fn the_shape_of_a_deployment() {
        insta::assert_snapshot!(shown(&DeploymentView::from(deployment())), @r#"
        {
          "name": "etl/nightly",
          "component": "abababababababababababababababababababababababababababababababab",
          "pool": "default-pool",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "grants": {
            "http": [
              "api.example.com"
            ]
          },
          "description": "Every night",
          "created": "2023-11-14T22:13:20.123456Z",
          "updated": "2023-11-14T22:13:20.128456Z"
        }
        "#);
    }

    #[test]
    fn what_a_deployment_does_not_say_is_left_out() {
        let mut deployment = deployment();
        deployment.description = None;
        deployment.grants = Grants::default();
        insta::assert_snapshot!(shown(&DeploymentView::from(deployment)), @r#"
        {
          "name": "etl/nightly",
          "component": "abababababababababababababababababababababababababababababababab",
          "pool": "default-pool",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "grants": {},
          "created": "2023-11-14T22:13:20.123456Z",
          "updated": "2023-11-14T22:13:20.128456Z"
        }
        "#);
    }

    #[test]
    fn the_shape_of_a_deployment_with_its_flow() {
        let view = DeploymentDetailsView {
            deployment: deployment().into(),
            flow: flow().into(),
        };
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "name": "etl/nightly",
          "component": "abababababababababababababababababababababababababababababababab",
          "pool": "default-pool",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "grants": {
            "http": [
              "api.example.com"
            ]
          },
          "description": "Every night",
          "created": "2023-11-14T22:13:20.123456Z",
          "updated": "2023-11-14T22:13:20.128456Z",
          "flow": {
            "name": "etl",
            "description": "Extracts and loads",
            "version": "1",
            "schema": {
              "parameters": {"type":"object"},
              "result": true
            },
            "options": {
              "retry": {
                "retries": 2,
                "delays_ms": [
                  100,
                  200
                ],
                "jitter": 0.5
              },
              "timeout_ms": 60000
            }
          }
        }
        "#);
    }

    #[test]
    fn the_shape_of_what_deploy_did() {
        let view = DeployedView {
            outcome: "updated".into(),
            changed: vec!["pool".into(), "tags".into()],
            changed_grants: Vec::new(),
            deployment: deployment().into(),
        };
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "outcome": "updated",
          "changed": [
            "pool",
            "tags"
          ],
          "name": "etl/nightly",
          "component": "abababababababababababababababababababababababababababababababab",
          "pool": "default-pool",
          "parameters": {"n":1.50},
          "tags": [
            "t"
          ],
          "grants": {
            "http": [
              "api.example.com"
            ]
          },
          "description": "Every night",
          "created": "2023-11-14T22:13:20.123456Z",
          "updated": "2023-11-14T22:13:20.128456Z"
        }
        "#);
    }
}
