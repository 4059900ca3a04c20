//! Queries whose conditions depend on a filter.

use crate::columns::{ToColumn, Value};
use crate::sql::params;
use model::IdPrefix;

/// A query whose conditions depend on a filter. A `?` in a condition stands for a value.
#[derive(Clone)]
pub(super) struct Query {
    pub sql: String,
    pub params: Vec<Value>,
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

    /// `condition` has a `?` for each value, in order.
    pub(super) fn only(&mut self, condition: &str, values: Vec<Value>) {
        let mut numbered = String::with_capacity(condition.len());
        let mut next = self.params.len();
        for char in condition.chars() {
            if char == '?' {
                next += 1;
                numbered += &format!("${next}");
            } else {
                numbered.push(char);
            }
        }
        self.sql += &format!(" {} {numbered}", self.glue);
        self.glue = "AND";
        self.params.extend(values);
    }

    /// `column` is one of these, if there are any.
    pub(super) fn only_among<T: ToColumn>(&mut self, column: &str, values: &[T]) {
        if !values.is_empty() {
            self.only(
                &format!("{column} = ANY(?)"),
                params![crate::columns::List(values)],
            );
        }
    }

    /// The text is a part of the name, or the id begins with it.
    pub(super) fn only_text(&mut self, name: &str, id: &str, text: &str) {
        let part = part_of(text);
        match IdPrefix(text.to_owned()).bounds() {
            None => self.only(&format!("{name} ILIKE ?"), params![part]),
            Some((low, high)) => self.only(
                &format!("({name} ILIKE ? OR {id} BETWEEN ? AND ?)"),
                params![part, low, high],
            ),
        }
    }
}

/// A pattern for `ILIKE`: the text anywhere, in any case.
pub(super) fn part_of(text: &str) -> String {
    let mut pattern = String::from("%");
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_means_itself_whatever_is_in_it() {
        assert_eq!(part_of("otter"), "%otter%");
        assert_eq!(part_of(r"100%_\"), r"%100\%\_\\%");
    }

    #[test]
    fn conditions_are_numbered_on() {
        let mut query = Query::new("SELECT 1");
        query.only("a = ?", params![1_i64]);
        query.only("(b = ? OR c = ?)", params![2_i64, 3_i64]);
        assert_eq!(query.sql, "SELECT 1 WHERE a = $1 AND (b = $2 OR c = $3)");
        assert_eq!(query.params.len(), 3);
    }
}
