//! What is deleted by itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{Digest, Json, Timestamp};
use store::{Housekeeping, StoreResult};

use super::PostgresStore;
use super::sql::{Conn, params};
use super::verbs::write;
use crate::error::Pg;
use crate::tx::Tx;

/// The setting that is the rule.
const PRUNE: &str = "prune";

async fn rule(conn: &impl Conn) -> Pg<Option<Json>> {
    conn.first(
        "SELECT value FROM settings WHERE name = $1",
        params![PRUNE],
        |row| row.get(0),
    )
    .await
}

async fn is_due(conn: &impl Conn, now: Timestamp, every: Duration) -> Pg<bool> {
    conn.any(
        "SELECT 1 FROM settings WHERE name = $1 AND (done <= $2 OR done > $3)",
        // One that was followed in what is the future now does not wait for it.
        params![PRUNE, now.before(every), now],
    )
    .await
}

/// The row is locked by the change, so of two that ask one has it.
async fn begin(tx: &Tx, now: Timestamp, every: Duration) -> Pg<Option<Json>> {
    tx.first(
        "UPDATE settings SET done = $3 WHERE name = $1 AND (done <= $2 OR done > $3)
         RETURNING value",
        params![PRUNE, now.before(every), now],
        |row| row.get(0),
    )
    .await
}

async fn set(tx: &Tx, rule: Option<&Json>) -> Pg<()> {
    match rule {
        Some(rule) => {
            tx.query(
                "INSERT INTO settings (name, value, done) VALUES ($1, $2, 0)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, done = 0",
                params![PRUNE, rule],
            )
            .await?;
        }
        None => tx.run("DELETE FROM settings WHERE name = $1", params![PRUNE]),
    }
    Ok(())
}

/// Those that may be deleted. Goes through all runs once, so it is asked of a reader.
async fn unused(conn: &impl Conn, before: Timestamp) -> Pg<Vec<Digest>> {
    conn.all(
        "SELECT digest FROM components c WHERE created < $1
             AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.component = c.digest)
             AND digest NOT IN (SELECT DISTINCT component FROM flow_run_specs)",
        params![before],
        |row| row.get(0),
    )
    .await
}

/// Unless somebody uses them by now.
async fn delete(tx: &Tx, unused: &[Digest], before: Timestamp) -> Pg<Vec<Digest>> {
    let mut deleted = Vec::new();
    for digest in unused {
        let is_deleted = tx
            .any(
                "DELETE FROM components WHERE digest = $1 AND created < $2
                     AND NOT EXISTS (SELECT 1 FROM deployments WHERE component = $1)
                     AND NOT EXISTS (
                         SELECT 1 FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no
                         WHERE r.ended IS NULL AND s.component = $1
                     ) RETURNING 1",
                params![*digest, before],
            )
            .await?;
        if is_deleted {
            deleted.push(*digest);
        }
    }
    Ok(deleted)
}

#[async_trait]
impl Housekeeping for PostgresStore {
    async fn prune_rule(&self) -> StoreResult<Option<Json>> {
        self.read(async move |conn| rule(&conn).await).await
    }

    async fn set_prune_rule(&self, rule: Option<Json>) -> StoreResult<()> {
        write!(self, |tx, rule| set(&tx, rule.as_ref().as_ref()).await).await
    }

    async fn begin_prune(&self, now: Timestamp, every: Duration) -> StoreResult<Option<Json>> {
        let is_due = self.read(async move |conn| is_due(&conn, now, every).await);
        if !is_due.await? {
            return Ok(None);
        }
        write!(self, |tx| begin(&tx, now, every).await).await
    }

    async fn delete_unused_components(&self, before: Timestamp) -> StoreResult<Vec<Digest>> {
        let unused = self.read(async move |conn| unused(&conn, before).await);
        let unused = unused.await?;
        if unused.is_empty() {
            return Ok(unused);
        }
        write!(self, |tx, unused| delete(&tx, &unused, before).await).await
    }
}
