//! Components and the deployments of their flows.

use async_trait::async_trait;
use model::{Component, Deployment, DeploymentName, Digest, FlowName};

use crate::StoreResult;

/// Stores and lists components and deployments.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Stores a component and its bytes. Returns whether it was new: storing the same bytes
    /// again changes nothing.
    async fn put_component(&self, component: Component, bytes: Vec<u8>) -> StoreResult<bool>;

    async fn component(&self, digest: Digest) -> StoreResult<Option<Component>>;

    async fn component_bytes(&self, digest: Digest) -> StoreResult<Option<Vec<u8>>>;

    /// All components, newest first.
    async fn components(&self) -> StoreResult<Vec<Component>>;

    /// Creates or updates the deployments, all or none. Returns what became of each, in
    /// order. Errs if a pool or a component does not exist.
    async fn deploy(&self, deployments: Vec<Deployment>) -> StoreResult<Vec<Deployed>>;

    async fn deployment(&self, name: &DeploymentName) -> StoreResult<Option<Deployment>>;

    /// The deployments in the order of their names; only those of `flow` if it is given.
    async fn deployments(&self, flow: Option<&FlowName>) -> StoreResult<Vec<Deployment>>;

    /// Deletes a deployment and leaves its runs. Returns whether it existed.
    async fn delete_deployment(&self, name: &DeploymentName) -> StoreResult<bool>;
}

/// What became of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    Created,
    Updated,
    /// The stored deployment was the same already.
    Unchanged,
}
