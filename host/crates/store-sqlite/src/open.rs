//! Opening the file: what may be wrong with it is told apart here, once.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema;
use store::{StoreError, StoreResult};

/// How long a write waits for another process's transaction. Ours take milliseconds; a
/// backup or a person's shell may take longer.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Pages of the log (4 KiB each) after which a commit moves them into the database: larger
/// than SQLite's default, so that fewer commits pay for it.
const CHECKPOINT_PAGES: u32 = 4000;

/// Every statement of this folder stays prepared.
const STATEMENTS_MAX: usize = 256;

/// The connection of the writer. Creates the file, for its owner alone, and brings it to
/// this version.
pub(super) fn writer(path: &Path) -> StoreResult<Connection> {
    create(path)?;
    let mut conn = connect(path)?;
    probe(&conn).map_err(|error| explain(path, &error))?;
    let readonly = conn.is_readonly("main");
    if readonly.map_err(|error| explain(path, &error))? {
        return Err(StoreError::ReadOnly {
            path: path.to_owned(),
            reason: "the file is read-only".to_owned(),
        });
    }
    use_wal(&conn, path)?;
    conn.execute_batch(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA cache_size = -16384;"
    ))
    .map_err(|error| explain(path, &error))?;
    schema::migrate(&mut conn, path)?;
    Ok(conn)
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> StoreResult<Connection> {
    let conn = connect(path)?;
    conn.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA cache_size = -2048;",
    )
    .map_err(|error| explain(path, &error))?;
    Ok(conn)
}

/// A connection of somebody who only looks, whatever the file is, and leaves it as it is.
pub(super) fn looker(path: &Path) -> StoreResult<Connection> {
    let conn = connect(path)?;
    let look = || {
        probe(&conn)?;
        // What others have left in the log stays there.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn.execute_batch("PRAGMA query_only = ON")
    };
    look().map_err(|error| explain(path, &error))?;
    Ok(conn)
}

/// The file, not its directory: a slip in a path should not make a place of its own.
pub(super) fn create(path: &Path) -> StoreResult<()> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly {
                path: path.to_owned(),
                reason: error.to_string(),
            }
        }
        _ => StoreError::CannotOpen {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    };
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(cannot)?;
    Ok(())
}

fn connect(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // The file is not mapped into memory: to read what was cut off would end the process.
    let open = || -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY_WAIT)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // Otherwise a statement is planned again whenever a bound time differs from the last.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        conn.execute_batch(
            "PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;",
        )?;
        Ok(conn)
    };
    open().map_err(|error| explain(path, &error))
}

/// Reads the header and the schema, which fails if there is no database.
fn probe(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// Another process that opens the database for the first time at the same moment holds it
/// exclusively for a moment, without SQLite's own wait.
fn use_wal(conn: &Connection, path: &Path) -> StoreResult<()> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        match conn.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        }) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::CannotOpen {
                    path: path.to_owned(),
                    reason: format!("the file system offers only journal mode `{mode}`"),
                });
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waited < BUSY_WAIT =>
            {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Err(error) => return Err(explain(path, &error)),
        }
    }
}

fn explain(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::NotADatabase { path, reason }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { path, reason }
        }
        // No space for what SQLite keeps beside the file, say.
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked,
        ) => StoreError::Unavailable(format!("`{}`: {reason}", path.display())),
        _ => StoreError::CannotOpen { path, reason },
    }
}
