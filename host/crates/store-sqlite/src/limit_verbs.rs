//! The verbs about limits.

use async_trait::async_trait;
use model::{Limit, LimitName, RunId, Seq, Taker, Timestamp};
use orchestrator::lifecycle::Standing;
use store::{LimitChange, LimitUse, Limits, Missing, Permit, StoreError, StoreResult};

use super::writer::Tx;
use super::{SqliteStore, deadlocks, permits, rows};

fn create(tx: &Tx<'_>, limit: &Limit, now: Timestamp) -> StoreResult<()> {
    if permits::get(tx, &limit.name)?.is_some() {
        return Err(StoreError::LimitExists(limit.name.clone()));
    }
    permits::put(tx, limit, now)
}

fn change(
    tx: &Tx<'_>,
    name: &LimitName,
    change: LimitChange,
    now: Timestamp,
) -> StoreResult<Limit> {
    let mut limit = permits::get(tx, name)?.ok_or_else(|| missing(name))?;
    change.change(&mut limit);
    permits::put(tx, &limit, now)?;
    Ok(limit)
}

fn missing(name: &LimitName) -> StoreError {
    StoreError::NotFound(Missing::Limit(name.clone()))
}

#[async_trait]
impl Limits for SqliteStore {
    async fn create_limit(&self, limit: Limit) -> StoreResult<()> {
        let now = self.clock.now();
        self.writer.write(move |tx| create(tx, &limit, now)).await
    }

    async fn change_limit(&self, name: &LimitName, to: LimitChange) -> StoreResult<Limit> {
        let (name, now) = (name.clone(), self.clock.now());
        self.writer
            .write(move |tx| change(tx, &name, to, now))
            .await
    }

    async fn delete_limit(&self, name: &LimitName) -> StoreResult<()> {
        let (name, now) = (name.clone(), self.clock.now());
        self.writer
            .write(move |tx| {
                if permits::remove(tx, &name, now)? {
                    Ok(())
                } else {
                    Err(missing(&name))
                }
            })
            .await
    }

    async fn limits(&self) -> StoreResult<Vec<LimitUse>> {
        let now = self.clock.now();
        self.read_long(move |conn| permits::list(conn, now)).await
    }

    async fn known_limits(&self, limits: &[LimitName]) -> StoreResult<Vec<LimitName>> {
        self.readers.with(|conn| {
            let mut known = Vec::new();
            for limit in limits {
                if permits::get(conn, limit)?.is_some() {
                    known.push(limit.clone());
                }
            }
            Ok(known)
        })
    }

    async fn permitted(&self, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Seq>> {
        self.readers.with(|conn| match rows::run_no(conn, run)? {
            Some(run) => permits::permitted(conn, run, calls),
            None => Ok(Vec::new()),
        })
    }

    async fn permits(&self, limit: &LimitName, count: u32) -> StoreResult<Vec<Permit>> {
        let limit = limit.clone();
        self.read_long(move |conn| permits::of_limit(conn, &limit, count))
            .await
    }

    async fn standing(&self) -> StoreResult<Standing> {
        self.read_long(deadlocks::standing).await
    }

    async fn let_pass(
        &self,
        run: RunId,
        taker: Option<Taker>,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.writer
            .write(move |tx| match rows::run_no(tx, run)? {
                Some(run) => permits::let_pass(tx, run, taker, now),
                None => Ok(false),
            })
            .await
    }
}
