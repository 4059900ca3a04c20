//! Whether the files of the database are still those that this process has open.
//!
//! A file that is deleted, or that another one replaces, lives on for those who have it open. What
//! they write to it is gone when they end. So the writer looks after each commit, before anybody is
//! told of it: at the database, and at the log and the index beside it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::sql::Sql;
use store::{StoreError, StoreResult};

/// A file, whatever its name.
type Inode = (u64, u64);

/// The files that a connection has open.
pub(super) struct Identity {
    path: PathBuf,
    database: Inode,
    /// The log, and the index of the log, once they have been seen. They are there for as long as
    /// anybody has the database open.
    beside: [(PathBuf, Option<Inode>); 2],
    /// The size of the database when it was looked at last.
    bytes: u64,
}

impl Identity {
    /// Of the database that was opened at this path a moment ago.
    pub fn of(path: &Path) -> StoreResult<Self> {
        let (database, bytes) = look(path).map_err(|err| cannot(path, &err))?;
        Ok(Self {
            path: path.to_owned(),
            database: database.ok_or_else(|| gone(path))?,
            beside: ["-wal", "-shm"].map(|end| (with_end(path, end), None)),
            bytes,
        })
    }

    /// Errs if what the connection has just written may be lost with it.
    pub fn check(&mut self, conn: &Connection) -> StoreResult<()> {
        let (database, bytes) = look(&self.path).map_err(|err| cannot(&self.path, &err))?;
        is_same(&self.path, database, self.database)?;
        if bytes < self.bytes && bytes < expected(conn).unwrap_or(u64::MAX) {
            let path = self.path.clone();
            return Err(StoreError::FileReplaced { path });
        }
        self.bytes = bytes;
        for (path, known) in &mut self.beside {
            let (found, _) = look(path).map_err(|err| cannot(path, &err))?;
            match *known {
                Some(known) => is_same(path, found, known)?,
                None => *known = found,
            }
        }
        Ok(())
    }
}

fn is_same(path: &Path, found: Option<Inode>, known: Inode) -> StoreResult<()> {
    let path = path.to_owned();
    match found {
        Some(found) if found == known => Ok(()),
        Some(_) => Err(StoreError::FileReplaced { path }),
        None => Err(StoreError::FileGone { path }),
    }
}

/// The file that has this name now, if there is one, and its size.
fn look(path: &Path) -> io::Result<(Option<Inode>, u64)> {
    match fs::metadata(path) {
        Ok(found) => Ok((Some((found.dev(), found.ino())), found.len())),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok((None, 0)),
        Err(err) => Err(err),
    }
}

/// How large the database has to be. It is smaller than it was where somebody has compacted it.
fn expected(conn: &Connection) -> StoreResult<u64> {
    let number = |pragma| conn.need(pragma, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
    Ok(bytes.unsigned_abs())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

pub(super) fn gone(path: &Path) -> StoreError {
    let path = path.to_owned();
    StoreError::FileGone { path }
}

fn cannot(path: &Path, err: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {err}", path.display()))
}
