//! The few ways in which this crate talks to SQLite, every statement prepared once.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection, ErrorCode, Rows};

use super::columns::{FromColumn, ToColumn};

use store::{StoreError, StoreResult};

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
    /// Each row, until `read` breaks off.
    fn each<B>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<ControlFlow<B>>,
    ) -> StoreResult<Option<B>>;
    /// Whether there is any row.
    fn any(&self, sql: &str, params: impl Params) -> StoreResult<bool> {
        Ok(self.first(sql, params, |_| Ok(()))?.is_some())
    }
}

/// The parameters of a statement, in order.
pub(super) trait Params {
    fn bind(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()>;
}

impl Params for [&dyn ToColumn; 0] {
    fn bind(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        bind_all([], statement)
    }
}

impl<T: ToColumn> Params for [T; 1] {
    fn bind(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        bind_all(self.iter().map(|value| value as &dyn ToColumn), statement)
    }
}

impl Params for &[&dyn ToColumn] {
    fn bind(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        bind_all(self.iter().copied(), statement)
    }
}

impl Params for Vec<Box<dyn ToColumn>> {
    fn bind(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        bind_all(self.iter().map(|value| &**value), statement)
    }
}

impl<P: Params> Params for &P {
    fn bind(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        (**self).bind(statement)
    }
}

/// Parameters of different types, as [`rusqlite::params`] takes them.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::columns::ToColumn),*] as &[&dyn $crate::columns::ToColumn]
    };
}
pub(super) use params;

struct Bound<'p>(&'p dyn ToColumn);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        self.0.to_column()
    }
}

fn bind_all<'p>(
    values: impl IntoIterator<Item = &'p dyn ToColumn>,
    statement: &mut CachedStatement<'_>,
) -> rusqlite::Result<()> {
    let mut given = 0;
    for value in values {
        given += 1;
        statement.raw_bind_parameter(given, Bound(value))?;
    }
    let wanted = statement.parameter_count();
    if given != wanted {
        return Err(rusqlite::Error::InvalidParameterCount(given, wanted));
    }
    Ok(())
}

/// A row of an answer.
pub(super) struct Row<'r>(&'r rusqlite::Row<'r>);

impl Row<'_> {
    /// The value of a column, from 0.
    pub(super) fn get<I: Column, T: FromColumn>(&self, column: I) -> rusqlite::Result<T> {
        let column = column.number();
        let value = self.0.get_ref(column)?;
        T::from_column(value).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), Box::new(error))
        })
    }
}

/// The number of a column. A type of its own, so that `get::<_, T>` names only the value's.
pub(super) trait Column {
    fn number(self) -> usize;
}

impl Column for usize {
    fn number(self) -> usize {
        self
    }
}

fn next<T>(
    rows: &mut Rows<'_>,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    match rows.next()? {
        Some(row) => read(&Row(row)).map(Some),
        None => Ok(None),
    }
}

impl Sql for Connection {
    fn run(&self, sql: &str, params: impl Params) -> StoreResult<usize> {
        let run = || {
            let mut statement = self.prepare_cached(sql)?;
            params.bind(&mut statement)?;
            statement.raw_execute()
        };
        run().map_err(|error| explain(self, &error))
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Option<T>> {
        let first = || {
            let mut statement = self.prepare_cached(sql)?;
            params.bind(&mut statement)?;
            next(&mut statement.raw_query(), read)
        };
        first().map_err(|error| explain(self, &error))
    }

    fn need<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<T> {
        let none = || explain(self, &rusqlite::Error::QueryReturnedNoRows);
        self.first(sql, params, read)?.ok_or_else(none)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>> {
        let mut all = || {
            let mut statement = self.prepare_cached(sql)?;
            params.bind(&mut statement)?;
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while let Some(row) = next(&mut rows, &mut read)? {
                found.push(row);
            }
            Ok(found)
        };
        all().map_err(|error| explain(self, &error))
    }

    fn each<B>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<ControlFlow<B>>,
    ) -> StoreResult<Option<B>> {
        let mut each = || {
            let mut statement = self.prepare_cached(sql)?;
            params.bind(&mut statement)?;
            let mut rows = statement.raw_query();
            while let Some(flow) = next(&mut rows, &mut read)? {
                if let ControlFlow::Break(value) = flow {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        };
        each().map_err(|error| explain(self, &error))
    }
}

/// A trouble that may pass is reported with the path of the database, so that its reader
/// knows where to look.
fn explain(conn: &Connection, error: &rusqlite::Error) -> StoreError {
    match (store_error(error), conn.path()) {
        (StoreError::Unavailable(text), Some(path)) => {
            StoreError::Unavailable(format!("`{path}`: {text}"))
        }
        (other, _) => other,
    }
}

/// What an error of SQLite means for the caller.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        // Only what breaks a rule of the schema: two runs of one id, say.
        Some(ErrorCode::ConstraintViolation) => StoreError::Refused(text),
        // Rows that do not convert come without a code.
        None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged(text)
        }
        Some(_) => StoreError::Unavailable(text),
    }
}
