//! Connections that only read.
//!
//! Each read sees everything that was acknowledged before it began: in WAL mode a read
//! takes the newest commit.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::open;
use super::sql::store_error;
use store::StoreResult;

/// More readers than this at once are opened and closed again.
const IDLE_MAX: usize = 8;

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> StoreResult<Self> {
        let first = open::reader(&path)?;
        Ok(Self {
            path,
            idle: Mutex::new(vec![first]),
        })
    }

    /// Reads with a connection of its own. A single statement is consistent in itself.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open::reader(&self.path)?,
        };
        let result = read(&conn);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(conn);
        }
        result
    }

    /// Reads with several statements that all see the same commit.
    pub(super) fn snapshot<T>(
        &self,
        read: impl FnOnce(&Connection) -> StoreResult<T>,
    ) -> StoreResult<T> {
        self.with(|conn| {
            let snapshot = conn
                .unchecked_transaction()
                .map_err(|error| store_error(&error))?;
            let result = read(&snapshot);
            snapshot.finish().map_err(|error| store_error(&error))?;
            result
        })
    }
}
