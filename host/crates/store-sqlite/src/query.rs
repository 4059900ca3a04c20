//! Queries whose conditions depend on a filter.

use rusqlite::Connection;

use super::columns::ToColumn;
use super::rows::unsigned;
use super::sql::{Row, Sql};
use store::{Order, StoreResult};

/// A query whose conditions depend on a filter.
pub(super) struct Query {
    pub sql: String,
    params: Vec<Box<dyn ToColumn>>,
    glue: &'static str,
}

impl Query {
    pub(super) fn new(select: &str) -> Self {
        Self {
            sql: select.to_owned(),
            params: Vec::new(),
            glue: "WHERE",
        }
    }

    /// `condition` has one `?`, for `value`.
    pub(super) fn only(&mut self, condition: &str, value: impl ToColumn + 'static) {
        self.only_all(condition, [Box::new(value) as Box<dyn ToColumn>]);
    }

    /// `condition` has a `?` for each value, in order.
    pub(super) fn only_all(
        &mut self,
        condition: &str,
        values: impl IntoIterator<Item = Box<dyn ToColumn>>,
    ) {
        self.sql += &format!(" {} {condition}", self.glue);
        self.glue = "AND";
        self.params.extend(values);
    }

    /// The first rows in the order of this number.
    pub(super) fn page<T>(
        self,
        conn: &Connection,
        number: &str,
        order: Order,
        limit: usize,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>> {
        let (sql, params) = self.page_of(number, order, limit);
        conn.all(&sql, params, read)
    }

    /// The statement that gives these rows, and what it is given.
    pub(super) fn page_of(
        mut self,
        number: &str,
        order: Order,
        limit: usize,
    ) -> (String, Vec<Box<dyn ToColumn>>) {
        let direction = match order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        self.sql += &format!(" ORDER BY {number} {direction} LIMIT ?");
        self.params.push(Box::new(limit as i64));
        (self.sql, self.params)
    }

    /// How many rows there are, counted up to `max`.
    pub(super) fn count(mut self, conn: &Connection, max: u64) -> StoreResult<u64> {
        self.params.push(Box::new(max));
        let sql = format!("SELECT count(*) FROM ({} LIMIT ?)", self.sql);
        conn.need(&sql, self.params, |row| unsigned(row, 0))
    }
}
