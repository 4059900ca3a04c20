//! Components and the deployments of their flows.

use async_trait::async_trait;
use model::{Component, Deployment, DeploymentName, Digest, FlowName};

use crate::StoreResult;

/// What can be run.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Keeps a component and its bytes. Whether it is new: the same bytes twice change
    /// nothing.
    async fn put_component(&self, component: Component, bytes: Vec<u8>) -> StoreResult<bool>;

    async fn component(&self, digest: Digest) -> StoreResult<Option<Component>>;

    async fn component_bytes(&self, digest: Digest) -> StoreResult<Option<Vec<u8>>>;

    /// Newest first.
    async fn components(&self) -> StoreResult<Vec<Component>>;

    /// Creates or updates the deployments, all or none. What became of each, in order. Errs
    /// if a pool or a component does not exist.
    async fn deploy(&self, deployments: Vec<Deployment>) -> StoreResult<Vec<Deployed>>;

    async fn deployment(&self, name: &DeploymentName) -> StoreResult<Option<Deployment>>;

    /// By name; those of one flow if it is given.
    async fn deployments(&self, flow: Option<&FlowName>) -> StoreResult<Vec<Deployment>>;

    /// Whether it existed. Its runs stay.
    async fn delete_deployment(&self, name: &DeploymentName) -> StoreResult<bool>;
}

/// What became of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    Created,
    Updated,
    /// It was the same already.
    Unchanged,
}
