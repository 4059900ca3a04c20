//! The verbs about queues of work pools.

use std::sync::Arc;

use async_trait::async_trait;
use model::{PoolName, QueueName, WorkQueue};
use store::{QueueChange, QueueUse, Queues, StoreResult};

use super::verbs::write;
use super::{PostgresStore, queues};

#[async_trait]
impl Queues for PostgresStore {
    async fn create_queue(&self, queue: WorkQueue) -> StoreResult<()> {
        write!(self, |tx, queue| queues::create(&tx, &queue).await).await
    }

    async fn change_queue(
        &self,
        pool: &PoolName,
        name: &QueueName,
        change: QueueChange,
    ) -> StoreResult<WorkQueue> {
        let (pool, name) = (pool.clone(), name.clone());
        write!(self, |tx, pool, name| queues::change(
            &tx, &pool, &name, change
        )
        .await)
        .await
    }

    async fn delete_queue(&self, pool: &PoolName, name: &QueueName) -> StoreResult<()> {
        let (pool, name) = (pool.clone(), name.clone());
        write!(self, |tx, pool, name| queues::delete(&tx, &pool, &name)
            .await)
        .await
    }

    async fn queues(&self, pool: Option<&PoolName>) -> StoreResult<Vec<QueueUse>> {
        let (pool, now) = (pool.cloned(), self.inner.clock.now());
        self.read(async move |conn| queues::list(&conn, pool.as_ref(), now).await)
            .await
    }
}
