//! Queries whose conditions depend on a filter.

use rusqlite::Connection;

use super::columns::{AsJson, ToColumn};
use super::sql::{Row, Sql};
use model::StateType;
use store::StoreResult;

/// A query whose conditions depend on a filter.
pub(super) struct Query {
    pub sql: String,
    params: Vec<Box<dyn ToColumn>>,
    pub glue: &'static str,
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
        self.sql += &format!(" {} {condition}", self.glue);
        self.glue = "AND";
        self.params.push(Box::new(value));
    }

    pub(super) fn only_states(&mut self, column: &str, states: &[StateType]) {
        if !states.is_empty() {
            let names: Vec<_> = states.iter().map(|state| state.as_str()).collect();
            self.only(
                &format!("{column} IN (SELECT value FROM json_each(?))"),
                AsJson(names),
            );
        }
    }

    pub(super) fn all<T>(
        mut self,
        conn: &Connection,
        order: &str,
        count: u32,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>> {
        let limit = if count == 0 { -1 } else { i64::from(count) };
        self.sql += &format!(" ORDER BY {order} LIMIT {limit}");
        conn.all(&self.sql, self.params, read)
    }
}
