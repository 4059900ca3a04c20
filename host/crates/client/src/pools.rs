//! Work pools and workers.

use async_trait::async_trait;
use hyper::Method;
use model::{PoolName, QueueName};
use operations::client::{
    Answered, ChangePool, ChangeQueue, CreatePool, CreateQueue, Page, PoolQuery, PoolsClient,
    QueueQuery, WorkerQuery,
};
use operations::view::{PoolView, QueueView, WorkerView};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

fn path(name: &PoolName) -> String {
    format!("/v1/work-pools/{}", segment(name.as_str()))
}

fn queues(pool: &PoolName) -> String {
    format!("{}/queues", path(pool))
}

fn queue(pool: &PoolName, name: &QueueName) -> String {
    format!("{}/{}", queues(pool), segment(name.as_str()))
}

#[async_trait]
impl PoolsClient for HttpClient {
    async fn list_pools(&self, query: PoolQuery) -> Answered<Page<PoolView>> {
        self.ask(Ask::get("/v1/work-pools").query(&query)?).await
    }

    async fn inspect_pool(&self, name: &PoolName) -> Answered<PoolView> {
        self.ask(Ask::get(path(name))).await
    }

    async fn create_pool(&self, create: CreatePool) -> Answered<PoolView> {
        self.ask(Ask::new(Method::POST, "/v1/work-pools").json(&create)?)
            .await
    }

    async fn change_pool(&self, name: &PoolName, change: ChangePool) -> Answered<PoolView> {
        let ask = Ask::new(Method::PATCH, path(name)).json(&change)?;
        self.ask(ask.unconditionally()).await
    }

    async fn delete_pool(&self, name: &PoolName) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, path(name))).await
    }

    async fn list_queues(&self, pool: &PoolName, query: QueueQuery) -> Answered<Page<QueueView>> {
        self.ask(Ask::get(queues(pool)).query(&query)?).await
    }

    async fn inspect_queue(&self, pool: &PoolName, name: &QueueName) -> Answered<QueueView> {
        self.ask(Ask::get(queue(pool, name))).await
    }

    async fn create_queue(&self, pool: &PoolName, create: CreateQueue) -> Answered<QueueView> {
        self.ask(Ask::new(Method::POST, queues(pool)).json(&create)?)
            .await
    }

    async fn change_queue(
        &self,
        pool: &PoolName,
        name: &QueueName,
        change: ChangeQueue,
    ) -> Answered<QueueView> {
        let ask = Ask::new(Method::PATCH, queue(pool, name)).json(&change)?;
        self.ask(ask.unconditionally()).await
    }

    async fn delete_queue(&self, pool: &PoolName, name: &QueueName) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, queue(pool, name))).await
    }

    async fn list_workers(&self, query: WorkerQuery) -> Answered<Page<WorkerView>> {
        self.ask(Ask::get("/v1/workers").query(&query)?).await
    }
}
