//! What is deleted by itself.

use std::time::Duration;

use async_trait::async_trait;
use model::{Digest, Json, Timestamp};
use rusqlite::Connection;
use store::{Housekeeping, StoreResult};

use super::SqliteStore;
use super::sql::{Sql, params};
use super::writer::Tx;

/// The setting that is the rule.
const PRUNE: &str = "prune";

fn rule(conn: &Connection) -> StoreResult<Option<Json>> {
    conn.first(
        "SELECT value FROM settings WHERE name = ?1",
        [PRUNE],
        |row| row.get(0),
    )
}

fn is_due(conn: &Connection, now: Timestamp, every: Duration) -> StoreResult<bool> {
    conn.any(
        "SELECT 1 FROM settings WHERE name = ?1 AND (done <= ?2 OR done > ?3)",
        // One that was followed in what is the future now does not wait for it.
        params![PRUNE, now.before(every), now],
    )
}

fn begin(tx: &Tx<'_>, now: Timestamp, every: Duration) -> StoreResult<Option<Json>> {
    if !is_due(tx, now, every)? {
        return Ok(None);
    }
    tx.run(
        "UPDATE settings SET done = ?2 WHERE name = ?1",
        params![PRUNE, now],
    )?;
    rule(tx)
}

fn set(tx: &Tx<'_>, rule: Option<&Json>) -> StoreResult<()> {
    match rule {
        Some(rule) => tx.run(
            "INSERT INTO settings (name, value, done) VALUES (?1, ?2, 0)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, done = 0",
            params![PRUNE, rule],
        )?,
        None => tx.run("DELETE FROM settings WHERE name = ?1", [PRUNE])?,
    };
    Ok(())
}

/// Those that may be deleted. Goes through all runs once, so it is asked of a reader.
fn unused(conn: &Connection, before: Timestamp) -> StoreResult<Vec<Digest>> {
    conn.all(
        "SELECT digest FROM components WHERE created < ?1
             AND digest NOT IN (SELECT component FROM deployments)
             AND digest NOT IN (SELECT component FROM flow_run_specs)",
        [before],
        |row| row.get(0),
    )
}

/// Unless somebody uses it by now.
fn delete(tx: &Tx<'_>, digest: Digest, before: Timestamp) -> StoreResult<bool> {
    let deleted = tx.run(
        "DELETE FROM components WHERE digest = ?1 AND created < ?2
             AND NOT EXISTS (SELECT 1 FROM deployments WHERE component = ?1)
             AND NOT EXISTS (
                 SELECT 1 FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no
                 WHERE r.ended IS NULL AND s.component = ?1
             )",
        params![digest, before],
    )?;
    Ok(deleted > 0)
}

#[async_trait]
impl Housekeeping for SqliteStore {
    async fn prune_rule(&self) -> StoreResult<Option<Json>> {
        self.readers.with(rule)
    }

    async fn set_prune_rule(&self, rule: Option<Json>) -> StoreResult<()> {
        self.writer.write(move |tx| set(tx, rule.as_ref())).await
    }

    async fn begin_prune(&self, now: Timestamp, every: Duration) -> StoreResult<Option<Json>> {
        if !self.readers.with(|conn| is_due(conn, now, every))? {
            return Ok(None);
        }
        self.writer.write(move |tx| begin(tx, now, every)).await
    }

    async fn delete_unused_components(&self, before: Timestamp) -> StoreResult<Vec<Digest>> {
        let unused = self.read_long(move |conn| unused(conn, before)).await?;
        if unused.is_empty() {
            return Ok(unused);
        }
        self.writer
            .write(move |tx| {
                let mut deleted = Vec::new();
                for digest in &unused {
                    if delete(tx, *digest, before)? {
                        deleted.push(*digest);
                    }
                }
                Ok(deleted)
            })
            .await
    }
}
