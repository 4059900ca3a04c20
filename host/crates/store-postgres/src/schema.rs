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
//!
//! # Upgrades without stopping
//!
//! While machines are upgraded one after the other, programs of two versions work on one database:
//! the first new one that connects changes the tables, and old ones go on, and start again. For that
//! a step may only add: tables, indexes, and columns that can be null or have a default, because the
//! statements of the version before name the columns that they know. It removes and renames nothing
//! that the version before reads, gives nothing another meaning, writes no value that the version
//! before could not read, and adds no constraint that its writes could break. A step that cannot do
//! with this says so in [`Step::oldest`]: then older programs refuse to start, and those that run
//! have to be stopped first.

use crate::error::{Fault, Pg};
use crate::sql::{Conn, Reader, params};
use store::StoreError;
use tokio_postgres::error::SqlState;

use super::connect::{Options, SCHEMA};

/// For the lock under which one process at a time sets up a database.
const LOCK: i64 = 0x6f72_6368_5f68_6f73;

/// The oldest server that has what is needed: numbers of transactions that never come again.
const SERVER_MIN: i64 = 130_000;

pub(crate) const FIRST: &str = include_str!("schema/first.sql");

const SECOND: &str = include_str!("schema/second.sql");

const THIRD: &str = include_str!("schema/third.sql");

const FOURTH: &str = include_str!("schema/fourth.sql");

const FIFTH: &str = include_str!("schema/fifth.sql");

const SIXTH: &str = include_str!("schema/sixth.sql");

const SEVENTH: &str = include_str!("schema/seventh.sql");

const EIGHTH: &str = include_str!("schema/eighth.sql");

const NINTH: &str = include_str!("schema/ninth.sql");

const TENTH: &str = include_str!("schema/tenth.sql");

const ELEVENTH: &str = include_str!("schema/eleventh.sql");

const TWELFTH: &str = include_str!("schema/twelfth.sql");

const THIRTEENTH: &str = include_str!("schema/thirteenth.sql");

/// What makes the tables of one version those of the next.
struct Step {
    sql: &'static str,
    /// The oldest version whose programs can work with the tables after this step: that of the step
    /// before if this one only adds, and otherwise its own number.
    oldest: i64,
    /// The tables that it makes, if the program writes them by the rights that it has to another.
    rights: Option<Rights>,
}

/// Whoever may write `like` may write `tables`.
struct Rights {
    like: &'static str,
    tables: &'static str,
}

impl Rights {
    /// Workers may have no more than such rights, given to them by the owner before this step.
    fn sql(&self) -> String {
        let Self { like, tables } = self;
        format!(
            "DO $$ DECLARE granted record;
             BEGIN
                 FOR granted IN
                     SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
                         AS grantee, privilege_type
                     FROM pg_class, aclexplode(relacl)
                     WHERE oid = '{like}'::regclass AND grantee <> relowner
                 LOOP
                     EXECUTE format('GRANT %s ON {tables} TO %s',
                         granted.privilege_type, granted.grantee);
                 END LOOP;
             END $$"
        )
    }
}

const STEPS: &[Step] = &[
    Step {
        sql: FIRST,
        oldest: 1,
        rights: None,
    },
    Step {
        sql: SECOND,
        oldest: 1,
        rights: Some(Rights {
            like: "events",
            tables: "commits",
        }),
    },
    Step {
        sql: THIRD,
        oldest: 1,
        rights: None,
    },
    Step {
        sql: FOURTH,
        oldest: 1,
        rights: None,
    },
    Step {
        sql: FIFTH,
        oldest: 1,
        rights: Some(Rights {
            like: "journal",
            tables: "variables, secrets",
        }),
    },
    Step {
        sql: SIXTH,
        oldest: 1,
        rights: Some(Rights {
            like: "journal",
            tables: "artifacts",
        }),
    },
    // Programs of the version before would take a reference to a text for the text.
    Step {
        sql: SEVENTH,
        oldest: 7,
        rights: Some(Rights {
            like: "journal",
            tables: "texts, run_texts",
        }),
    },
    Step {
        sql: EIGHTH,
        oldest: 7,
        rights: Some(Rights {
            like: "journal",
            tables: "blobs, run_blobs, blob_uploads, blob_bytes",
        }),
    },
    Step {
        sql: NINTH,
        oldest: 7,
        rights: None,
    },
    Step {
        sql: TENTH,
        oldest: 7,
        rights: Some(Rights {
            like: "journal",
            tables: "schedules, turns",
        }),
    },
    // A worker of the version before takes runs of any queue, in the order of their times.
    Step {
        sql: ELEVENTH,
        oldest: 7,
        rights: Some(Rights {
            like: "pools",
            tables: "work_queues",
        }),
    },
    // A worker of the version before takes runs without asking, and gives no slots back. So limits are
    // for when all are of this version; what was not given back is free once a limit is set.
    Step {
        sql: TWELFTH,
        oldest: 7,
        rights: Some(Rights {
            like: "journal",
            tables: "limits, permits, limit_uses, settings",
        }),
    },
    Step {
        sql: THIRTEENTH,
        oldest: 7,
        rights: Some(Rights {
            like: "journal",
            tables: "cached_results, cached_blobs",
        }),
    },
];

/// The version of the tables that this program knows.
pub(crate) const KNOWN: i64 = STEPS.len() as i64;

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
    if let Some(found) = version(conn, options).await?
        && is_enough(conn, options, found).await?
    {
        return Ok(());
    }
    conn.0.command("BEGIN").await?;
    let done = under_lock(conn, options).await;
    conn.0
        .command(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })
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
    // Another process may change the tables meanwhile, which takes as long as it takes.
    conn.0
        .object()?
        .batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
        .await?;
    let found = match version(conn, options).await? {
        Some(found) => found,
        None => {
            begin(conn, options).await?;
            0
        }
    };
    if is_enough(conn, options, found).await? {
        return Ok(());
    }
    let mut oldest = KNOWN;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        let rights = step.rights.as_ref().map(Rights::sql);
        let sql = format!("{}\n{}", step.sql, rights.unwrap_or_default());
        let made = conn.0.object()?.batch_execute(&sql).await;
        made.map_err(|error| match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) if found > 0 => StoreError::OlderVersion {
                path: options.path(),
                found,
                known: KNOWN,
            }
            .into(),
            _ => cannot_be_made(options, error),
        })?;
        oldest = step.oldest;
    }
    conn.query(
        "UPDATE version SET number = $1, oldest = $2",
        params![KNOWN, oldest],
    )
    .await?;
    tracing::info!(database = %options, version = KNOWN, "database set up");
    Ok(())
}

/// Whether the tables are of this version, or of a later one that this program can work with.
/// Errs if a later program has changed what this one needs.
async fn is_enough(conn: &Reader, options: &Options, found: i64) -> Pg<bool> {
    if found <= KNOWN {
        return Ok(found == KNOWN);
    }
    let oldest: i64 = conn
        .need("SELECT oldest FROM version", params![], |row| row.get(0))
        .await?;
    if oldest > KNOWN {
        return Err(StoreError::NewerVersion {
            path: options.path(),
            found,
            known: KNOWN,
        }
        .into());
    }
    tracing::debug!(database = %options, version = found, "a later version has set it up");
    Ok(true)
}

/// Makes the schema. Errs if there is one of this name already, which is of somebody else.
async fn begin(conn: &Reader, options: &Options) -> Pg<()> {
    let made = conn
        .0
        .object()?
        .batch_execute(&format!(
            "CREATE SCHEMA {SCHEMA}; CREATE TABLE version (number bigint NOT NULL);
             INSERT INTO version (number) VALUES (0)"
        ))
        .await;
    made.map_err(|error| cannot_be_made(options, error))
}

/// Most often the user may not do so.
fn cannot_be_made(options: &Options, error: tokio_postgres::Error) -> Fault {
    let reason = crate::error::reason(&error);
    match Fault::from(error) {
        Fault::Told(_) | Fault::Broken(_) => Fault::Told(StoreError::CannotOpen {
            path: options.path(),
            reason: format!("its tables cannot be made: {reason}"),
        }),
        other => other,
    }
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
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = 'version' AND has_schema_privilege(n.oid, 'USAGE')",
            params![SCHEMA],
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
