//! The verbs about queues of work pools.

use async_trait::async_trait;
use model::{PoolName, QueueName, WorkQueue};
use store::{QueueChange, QueueUse, Queues, StoreResult};

use super::{SqliteStore, queues};

#[async_trait]
impl Queues for SqliteStore {
    async fn create_queue(&self, queue: WorkQueue) -> StoreResult<()> {
        self.writer
            .write(move |tx| queues::create(tx, &queue))
            .await
    }

    async fn change_queue(
        &self,
        pool: &PoolName,
        name: &QueueName,
        change: QueueChange,
    ) -> StoreResult<WorkQueue> {
        let (pool, name) = (pool.clone(), name.clone());
        self.writer
            .write(move |tx| queues::change(tx, &pool, &name, change))
            .await
    }

    async fn delete_queue(&self, pool: &PoolName, name: &QueueName) -> StoreResult<()> {
        let (pool, name) = (pool.clone(), name.clone());
        self.writer
            .write(move |tx| queues::delete(tx, &pool, &name))
            .await
    }

    async fn queues(&self, pool: Option<&PoolName>) -> StoreResult<Vec<QueueUse>> {
        let (pool, now) = (pool.cloned(), self.clock.now());
        self.read_long(move |conn| queues::list(conn, pool.as_ref(), now))
            .await
    }
}
