//! The verbs about limits.

use std::sync::Arc;

use async_trait::async_trait;
use model::{Limit, LimitName, RunId, Seq, Taker, Timestamp};
use orchestrator::lifecycle::Standing;
use store::{LimitChange, LimitUse, Limits, Missing, Permit, StoreError, StoreResult};

use super::verbs::write;
use super::{PostgresStore, deadlocks, permits, rows};
use crate::error::{Fault, Pg};
use crate::tx::Tx;

async fn create(tx: &Tx, limit: &Limit, now: Timestamp) -> Pg<()> {
    if permits::get(tx, &limit.name).await?.is_some() {
        return Err(StoreError::LimitExists(limit.name.clone()).into());
    }
    permits::put(tx, limit, now).await
}

async fn change(tx: &Tx, name: &LimitName, change: LimitChange, now: Timestamp) -> Pg<Limit> {
    let mut limit = permits::get(tx, name).await?.ok_or_else(|| missing(name))?;
    change.change(&mut limit);
    permits::put(tx, &limit, now).await?;
    Ok(limit)
}

fn missing(name: &LimitName) -> Fault {
    StoreError::NotFound(Missing::Limit(name.clone())).into()
}

async fn delete(tx: &Tx, name: &LimitName, now: Timestamp) -> Pg<()> {
    if permits::remove(tx, name, now).await? {
        Ok(())
    } else {
        Err(missing(name))
    }
}

#[async_trait]
impl Limits for PostgresStore {
    async fn create_limit(&self, limit: Limit) -> StoreResult<()> {
        let now = self.inner.clock.now();
        write!(self, |tx, limit| create(&tx, &limit, now).await).await
    }

    async fn change_limit(&self, name: &LimitName, to: LimitChange) -> StoreResult<Limit> {
        let (name, now) = (name.clone(), self.inner.clock.now());
        write!(self, |tx, name| change(&tx, &name, to, now).await).await
    }

    async fn delete_limit(&self, name: &LimitName) -> StoreResult<()> {
        let (name, now) = (name.clone(), self.inner.clock.now());
        write!(self, |tx, name| delete(&tx, &name, now).await).await
    }

    async fn limits(&self) -> StoreResult<Vec<LimitUse>> {
        let now = self.inner.clock.now();
        self.read(async move |conn| permits::list(&conn, now).await)
            .await
    }

    async fn known_limits(&self, limits: &[LimitName]) -> StoreResult<Vec<LimitName>> {
        let limits = limits.to_vec();
        self.read(async move |conn| permits::known(&conn, &limits).await)
            .await
    }

    async fn permitted(&self, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Seq>> {
        let calls = calls.to_vec();
        self.read(async move |conn| match rows::run_no(&conn, run).await? {
            Some(run) => permits::permitted(&conn, run, &calls).await,
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn permits(&self, limit: &LimitName, count: u32) -> StoreResult<Vec<Permit>> {
        let limit = limit.clone();
        self.read(async move |conn| permits::of_limit(&conn, &limit, count).await)
            .await
    }

    async fn standing(&self) -> StoreResult<Standing> {
        self.read(async move |conn| deadlocks::standing(&conn).await)
            .await
    }

    async fn let_pass(
        &self,
        run: RunId,
        taker: Option<Taker>,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write!(self, |tx| match rows::run_no(&tx, run).await? {
            Some(run) => permits::let_pass(&tx, run, taker, now).await,
            None => Ok(false),
        })
        .await
    }
}
