//! The few ways in which this crate talks to PostgreSQL, every statement prepared once.

use tokio_postgres::types::ToSql;

use super::columns::{FromColumn, Value};
use crate::error::Pg;
use crate::link::Link;
use store::StoreError;

/// A row of an answer.
pub(crate) struct Row(tokio_postgres::Row);

impl Row {
    /// The value of a column, from 0.
    pub(crate) fn get<T: FromColumn>(&self, column: usize) -> Pg<T> {
        let raw = self.0.try_get(column)?;
        T::from_column(raw).map_err(|error| {
            let name = self.0.columns().get(column).map_or("", |it| it.name());
            StoreError::Damaged(format!("column `{name}`: {error}")).into()
        })
    }
}

/// A question, and what it is given.
pub(crate) type Question<'q> = (&'q str, Vec<Value>);

/// Where a question can be asked: by itself, or within a transaction.
pub(crate) trait Conn: Sync {
    fn query(&self, sql: &str, params: Vec<Value>) -> impl Future<Output = Pg<Vec<Row>>> + Send;

    /// Each row.
    fn all<T: Send>(
        &self,
        sql: &str,
        params: Vec<Value>,
        read: impl FnMut(&Row) -> Pg<T> + Send,
    ) -> impl Future<Output = Pg<Vec<T>>> + Send {
        async move { self.query(sql, params).await?.iter().map(read).collect() }
    }

    /// The first row, if there is one.
    fn first<T: Send>(
        &self,
        sql: &str,
        params: Vec<Value>,
        read: impl FnOnce(&Row) -> Pg<T> + Send,
    ) -> impl Future<Output = Pg<Option<T>>> + Send {
        async move { self.query(sql, params).await?.first().map(read).transpose() }
    }

    /// The only row, of a query that always has one.
    fn need<T: Send>(
        &self,
        sql: &str,
        params: Vec<Value>,
        read: impl FnOnce(&Row) -> Pg<T> + Send,
    ) -> impl Future<Output = Pg<T>> + Send {
        async move {
            let found = self.first(sql, params, read).await?;
            found.ok_or_else(|| StoreError::Damaged("a row is missing".to_owned()).into())
        }
    }

    /// Whether there is any row.
    fn any(&self, sql: &str, params: Vec<Value>) -> impl Future<Output = Pg<bool>> + Send {
        async move { Ok(!self.query(sql, params).await?.is_empty()) }
    }
}

/// A connection that reads.
pub(crate) struct Reader(pub Link);

impl Conn for Reader {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Pg<Vec<Row>> {
        self.0.answered(query(&self.0, sql, &params)).await
    }
}

/// Asks a question, whose answer the caller waits for.
pub(crate) async fn query(conn: &Link, sql: &str, params: &[Value]) -> Pg<Vec<Row>> {
    let statement = conn.prepare(sql).await?;
    let rows = conn
        .object()?
        .query(&statement, &references(params))
        .await?;
    Ok(rows.into_iter().map(Row).collect())
}

pub(crate) fn references(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    let reference = |value| value as &(dyn ToSql + Sync);
    params.iter().map(reference).collect()
}

/// Parameters of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::columns::ToColumn::to_column(&$value)),*]
    };
}
pub(crate) use params;
