//! Work pools, workers, tokens and the log of actions, from the store.

use async_trait::async_trait;
use model::{PoolName, QueueName, TokenName, WorkPool, WorkQueue};
use store::{AuditCursor, AuditFilter, PoolChange, QueueChange};

use super::cursor::{Order, cursor_at, limit, part, place_of};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{
    AuditQuery, ChangePool, ChangeQueue, CreatePool, CreateQueue, CreateToken, PoolQuery,
    QueueQuery, TokenQuery, WorkerQuery,
};
use super::{AccessClient, Answered, PoolsClient};
use crate::problem::{Problem, ProblemKind};
use crate::view::{AuditView, NewTokenView, PoolView, QueueView, TokenView, WorkerView};
use crate::{access, inspect, resolve};

#[async_trait]
impl PoolsClient for LocalClient {
    async fn list_pools(&self, query: PoolQuery) -> Answered<Page<PoolView>> {
        let pools = self.store.pools().await?;
        part(&query, "", pools, Order::Up, |it| it.pool.name.to_string())
    }

    async fn inspect_pool(&self, name: &PoolName) -> Answered<PoolView> {
        Ok(resolve::pool(&*self.store, name).await?.into())
    }

    async fn create_pool(&self, create: CreatePool) -> Answered<PoolView> {
        check_limit(create.limit, "pool")?;
        let pool = WorkPool {
            name: create.name.clone(),
            limit: create.limit,
            paused: create.paused,
            created: self.store.clock().now(),
        };
        self.store.create_pool(pool).await?;
        self.inspect_pool(&create.name).await
    }

    async fn change_pool(&self, name: &PoolName, change: ChangePool) -> Answered<PoolView> {
        check_limit(change.limit.flatten(), "pool")?;
        resolve::pool(&*self.store, name).await?;
        let change = PoolChange {
            paused: change.paused,
            limit: change.limit,
        };
        self.store.change_pool(name, change).await?;
        self.inspect_pool(name).await
    }

    async fn delete_pool(&self, name: &PoolName) -> Answered<()> {
        resolve::pool(&*self.store, name).await?;
        Ok(self.store.delete_pool(name).await?)
    }

    async fn list_queues(&self, pool: &PoolName, query: QueueQuery) -> Answered<Page<QueueView>> {
        resolve::pool(&*self.store, pool).await?;
        let queues = self.store.queues(Some(pool)).await?;
        // In their order, which the text of a number does not keep.
        part(&query, pool.as_str(), queues, Order::Up, |it| {
            format!("{:03}-{}", it.queue.priority.get(), it.queue.name)
        })
    }

    async fn inspect_queue(&self, pool: &PoolName, name: &QueueName) -> Answered<QueueView> {
        Ok(resolve::queue(&*self.store, pool, name).await?.into())
    }

    async fn create_queue(&self, pool: &PoolName, create: CreateQueue) -> Answered<QueueView> {
        check_limit(create.limit, "queue")?;
        resolve::pool(&*self.store, pool).await?;
        let name = create.name.clone();
        let queue = WorkQueue {
            pool: pool.clone(),
            name: create.name,
            priority: create.priority,
            limit: create.limit,
            paused: create.paused,
            created: self.store.clock().now(),
        };
        self.store.create_queue(queue).await?;
        self.inspect_queue(pool, &name).await
    }

    async fn change_queue(
        &self,
        pool: &PoolName,
        name: &QueueName,
        change: ChangeQueue,
    ) -> Answered<QueueView> {
        check_limit(change.limit.flatten(), "queue")?;
        resolve::queue(&*self.store, pool, name).await?;
        let change = QueueChange {
            priority: change.priority,
            paused: change.paused,
            limit: change.limit,
        };
        self.store.change_queue(pool, name, change).await?;
        self.inspect_queue(pool, name).await
    }

    async fn delete_queue(&self, pool: &PoolName, name: &QueueName) -> Answered<()> {
        resolve::queue(&*self.store, pool, name).await?;
        if name.is_default() {
            let detail = format!("the queue `{name}` of a work pool cannot be deleted");
            return Err(Problem::new(ProblemKind::InUse, detail).hint(format!(
                "runs that name no queue are in it; `orch-host work-queue pause {name} --pool {pool}` \
                 lets them wait"
            )));
        }
        Ok(self.store.delete_queue(pool, name).await?)
    }

    async fn list_workers(&self, query: WorkerQuery) -> Answered<Page<WorkerView>> {
        let workers = inspect::workers(&*self.store, query.pool.as_ref()).await?;
        // Ids are as old as their workers.
        part(&query, "", workers, Order::Up, |worker| {
            worker.id.to_string()
        })
    }
}

#[async_trait]
impl AccessClient for LocalClient {
    async fn list_tokens(&self, query: TokenQuery) -> Answered<Page<TokenView>> {
        let tokens = self.store.tokens().await?;
        part(&query, "", tokens, Order::Down, |token| {
            token.id.to_string()
        })
    }

    async fn create_token(&self, create: CreateToken) -> Answered<NewTokenView> {
        let lasts = create.lasts();
        let made = access::create_token(&*self.store, create.name, create.role, lasts);
        let (token, secret) = made.await?;
        Ok(NewTokenView {
            token: token.into(),
            secret: secret.expose().to_owned(),
        })
    }

    async fn revoke_token(&self, name: &TokenName) -> Answered<TokenView> {
        let now = self.store.clock().now();
        Ok(self.store.revoke_token(name, now).await?.into())
    }

    async fn audit_log(&self, query: AuditQuery) -> Answered<Page<AuditView>> {
        let limit = limit(&query)?;
        let filter = AuditFilter {
            before: place_of(&query, "")?.map(AuditCursor),
            who: query.who.clone(),
            action: query.action.clone(),
            count: limit + 1,
        };
        let mut lines = self.store.audit_log(filter).await?;
        let is_more = lines.len() > limit as usize;
        lines.truncate(limit as usize);
        let last = lines.last().filter(|_| is_more);
        let next = last.map(|(AuditCursor(at), _)| cursor_at(&query, "", at));
        Ok(Page {
            next,
            ..Page::all(lines.into_iter().map(|(_, entry)| entry))
        })
    }
}

/// A pool or a queue that executes nothing is a paused one.
fn check_limit(limit: Option<u32>, of: &str) -> Answered<()> {
    if limit != Some(0) {
        return Ok(());
    }
    let detail = "with a limit of 0 nothing would ever start";
    Err(Problem::new(ProblemKind::InvalidRequest, detail)
        .hint(format!(
            "pause the {of} to let its runs wait, or give no limit"
        ))
        .at("/limit", detail))
}
