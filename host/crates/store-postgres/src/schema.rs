//! The tables, and how a database of an earlier version becomes one of this version.
//!
//! They are those of the other engine, and mean the same, but for these:
//!
//! - Numbers of runs and of lines come from sequences. Lines of one transaction have a block of
//!   numbers, so that they have no gaps between them.
//! - Events have the number of their transaction. A row is read once no older transaction goes on:
//!   so they have one order, whichever is committed first.
//! - Totals of one key have a row for each of a few shards, so that processes that count at the
//!   same time do not wait for each other.
//!
//! Everything is in a schema of its own, so that the database may hold other things, too.

use crate::error::{Fault, Pg};
use crate::sql::{Conn, Reader, params};
use store::StoreError;
use tokio_postgres::error::SqlState;

use super::connect::{Options, SCHEMA};

/// For the lock under which one process at a time sets up a database.
const LOCK: i64 = 0x6f72_6368_5f68_6f73;

/// The oldest server that has what is needed: numbers of transactions that never come again.
const SERVER_MIN: i64 = 130_000;

const FIRST: &str = include_str!("schema/first.sql");

const STEPS: &[&str] = &[FIRST];

/// The version that this program knows.
pub(crate) fn known() -> i64 {
    STEPS.len() as i64
}

/// Brings the database to this version.
pub(crate) async fn migrate(conn: &Reader, options: &Options) -> Pg<()> {
    let server: i64 = conn
        .need(
            "SELECT current_setting('server_version_num')::bigint",
            params![],
            |row| row.get(0),
        )
        .await?;
    let not_ours = |reason: String| StoreError::NotADatabase {
        path: options.path(),
        reason,
    };
    if server < SERVER_MIN {
        let version = server / 10_000;
        let reason =
            format!("the server is PostgreSQL {version}, and 13 is the oldest that will do");
        return Err(not_ours(reason).into());
    }
    warn_of_lost_commits(conn).await?;
    if version(conn, options).await? == Some(known()) {
        return Ok(());
    }
    conn.0.batch_execute("BEGIN").await?;
    let done = under_lock(conn, options).await;
    conn.0
        .batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })
        .await?;
    done
}

async fn warn_of_lost_commits(conn: &Reader) -> Pg<()> {
    let setting: String = conn
        .need(
            "SELECT current_setting('synchronous_commit')",
            params![],
            |row| row.get(0),
        )
        .await?;
    if setting == "off" {
        tracing::warn!(
            "synchronous_commit is off: a crash of the server may lose what was acknowledged"
        );
    }
    Ok(())
}

async fn under_lock(conn: &Reader, options: &Options) -> Pg<()> {
    conn.query("SELECT pg_advisory_xact_lock($1)", params![LOCK])
        .await?;
    let known = known();
    let found = match version(conn, options).await? {
        Some(found) => found,
        None => {
            begin(conn, options).await?;
            0
        }
    };
    if found > known {
        return Err(StoreError::NewerVersion {
            path: options.path(),
            found,
            known,
        }
        .into());
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        let done = conn.0.batch_execute(step).await;
        done.map_err(|error| match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::OlderVersion {
                path: options.path(),
                found,
                known,
            }
            .into(),
            _ => Fault::from(error),
        })?;
    }
    if found < known {
        conn.query("UPDATE version SET number = $1", params![known])
            .await?;
        tracing::info!(database = %options, version = known, "database set up");
    }
    Ok(())
}

/// Makes the schema. Errs if there is one of this name already, which is of somebody else.
async fn begin(conn: &Reader, options: &Options) -> Pg<()> {
    let made = conn
        .0
        .batch_execute(&format!(
            "CREATE SCHEMA {SCHEMA}; CREATE TABLE version (number bigint NOT NULL);
             INSERT INTO version (number) VALUES (0)"
        ))
        .await;
    made.map_err(|error| {
        let reason = crate::error::reason(&error);
        match Fault::from(error) {
            Fault::Told(_) | Fault::Broken(_) => Fault::Told(StoreError::CannotOpen {
                path: options.path(),
                reason: format!("its tables cannot be made: {reason}"),
            }),
            other => other,
        }
    })
}

/// Errs if the schema cannot be made, for there is one of this name.
pub(crate) async fn need_room(conn: &Reader, options: &Options) -> Pg<()> {
    let is_taken = conn
        .any(
            "SELECT 1 FROM pg_namespace WHERE nspname = $1",
            params![SCHEMA],
        )
        .await?;
    if !is_taken {
        return Ok(());
    }
    Err(StoreError::NotADatabase {
        path: options.path(),
        reason: format!("its schema `{SCHEMA}` is of another program"),
    }
    .into())
}

/// None: there is no schema of ours.
pub(crate) async fn version(conn: &Reader, options: &Options) -> Pg<Option<i64>> {
    let is_there = conn
        .any(
            "SELECT 1 WHERE to_regclass('version') IS NOT NULL",
            params![],
        )
        .await?;
    if !is_there {
        let is_closed = conn
            .any(
                "SELECT 1 FROM pg_namespace
                 WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'USAGE')",
                params![SCHEMA],
            )
            .await?;
        if is_closed {
            return Err(StoreError::CannotOpen {
                path: options.path(),
                reason: format!("this user may not use the schema `{SCHEMA}`"),
            }
            .into());
        }
        return Ok(None);
    }
    conn.first("SELECT number FROM version", params![], |row| row.get(0))
        .await
}
