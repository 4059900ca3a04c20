//! The few ways in which this folder talks to SQLite, every statement prepared once.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row};

use crate::store::{StoreError, StoreResult};

pub(super) trait Sql {
    /// How many rows it changed.
    fn run(&self, sql: &str, params: impl Params) -> StoreResult<usize>;
    /// The first row, if there is one.
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Option<T>>;
    /// The only row, of a query that always has one.
    fn need<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<T>;
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>>;
    /// Whether there is any row.
    fn any(&self, sql: &str, params: impl Params) -> StoreResult<bool> {
        Ok(self.first(sql, params, |_| Ok(()))?.is_some())
    }
}

impl Sql for Connection {
    fn run(&self, sql: &str, params: impl Params) -> StoreResult<usize> {
        let run = || self.prepare_cached(sql)?.execute(params);
        run().map_err(|error| explain(self, &error))
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Option<T>> {
        let first = || self.prepare_cached(sql)?.query_row(params, read).optional();
        first().map_err(|error| explain(self, &error))
    }

    fn need<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<T> {
        let need = || self.prepare_cached(sql)?.query_row(params, read);
        need().map_err(|error| explain(self, &error))
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>> {
        let all = || {
            let mut statement = self.prepare_cached(sql)?;
            let rows = statement.query_map(params, read)?;
            rows.collect::<rusqlite::Result<_>>()
        };
        all().map_err(|error| explain(self, &error))
    }
}

/// What may pass is said with the database's path: whoever reads it has to go there.
fn explain(conn: &Connection, error: &rusqlite::Error) -> StoreError {
    match (StoreError::from_sqlite(error), conn.path()) {
        (StoreError::Unavailable(text), Some(path)) => {
            StoreError::Unavailable(format!("`{path}`: {text}"))
        }
        (other, _) => other,
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from_sqlite(&error)
    }
}

impl StoreError {
    fn from_sqlite(error: &rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            // Only what breaks a rule of the schema: two runs of one id, say.
            Some(ErrorCode::ConstraintViolation) => Self::Refused(text),
            // Rows that do not convert come without a code.
            None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(text)
            }
            Some(_) => Self::Unavailable(text),
        }
    }
}
