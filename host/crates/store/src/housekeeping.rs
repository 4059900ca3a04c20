//! What is deleted by itself.

use std::time::Duration;

use async_trait::async_trait;
use model::{Digest, Json, Timestamp};

use crate::StoreResult;

/// The rule by which runs are deleted that have been over for long, and what only they used.
#[async_trait]
pub trait Housekeeping: Send + Sync + 'static {
    /// None: nothing is deleted by itself.
    async fn prune_rule(&self) -> StoreResult<Option<Json>>;

    /// Sets the rule, or removes it.
    async fn set_prune_rule(&self, rule: Option<Json>) -> StoreResult<()>;

    /// The rule, if nobody has followed it for a while: then the caller does, and no other process
    /// that asks within that time.
    async fn begin_prune(&self, now: Timestamp, every: Duration) -> StoreResult<Option<Json>>;

    /// Deletes the components stored before a time that no deployment and no run is of. Which they
    /// were.
    async fn delete_unused_components(&self, before: Timestamp) -> StoreResult<Vec<Digest>>;
}
