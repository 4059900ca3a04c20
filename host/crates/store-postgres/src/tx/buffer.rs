//! What a transaction is to change, until it is sent.

use crate::columns::Value;

/// A table that rows are inserted into, many at once.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: &'static str,
    /// Each with its type.
    pub columns: &'static [(&'static str, &'static str)],
    /// What becomes of a row that is there already.
    pub conflict: &'static str,
}

impl Table {
    fn sql(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let arrays: Vec<String> = (1..)
            .zip(self.columns)
            .map(|(n, (_, kind))| format!("${n}::{kind}[]"))
            .collect();
        format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) {}",
            self.name,
            names.join(", "),
            arrays.join(", "),
            self.conflict
        )
    }
}

/// Rows of one table, column by column.
struct Rows {
    table: &'static Table,
    columns: Vec<Vec<Value>>,
}

impl Rows {
    fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }
}

/// Rows that are inserted, and then statements.
#[derive(Default)]
struct Segment {
    inserts: Vec<Rows>,
    statements: Vec<(&'static str, Vec<Value>)>,
    /// Nothing may be inserted before its statements any more.
    is_closed: bool,
}

#[derive(Default)]
pub(super) struct Buffer(Vec<Segment>);

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    segments: usize,
    /// Of the last segment.
    inserts: Vec<usize>,
    statements: usize,
    is_closed: bool,
}

impl Buffer {
    pub(super) fn insert(&mut self, table: &'static Table, row: Vec<Value>) {
        // A statement may change a row once: one that replaces another comes after it.
        let is_twice = || {
            let last = self.0.last();
            let rows = last.and_then(|last| of_table(&last.inserts, table));
            !table.conflict.is_empty() && rows.is_some_and(|rows| has(rows, &row))
        };
        if self.0.last().is_none_or(|last| last.is_closed) || is_twice() {
            self.0.push(Segment::default());
        }
        let Some(segment) = self.0.last_mut() else {
            return;
        };
        let at = segment
            .inserts
            .iter()
            .position(|it| it.table.name == table.name);
        let at = at.unwrap_or_else(|| {
            segment.inserts.push(Rows {
                table,
                columns: table.columns.iter().map(|_| Vec::new()).collect(),
            });
            segment.inserts.len() - 1
        });
        for (column, value) in segment.inserts[at].columns.iter_mut().zip(row) {
            column.push(value);
        }
    }

    pub(super) fn run(&mut self, sql: &'static str, params: Vec<Value>, closes: bool) {
        if self.0.is_empty() {
            self.0.push(Segment::default());
        }
        if let Some(segment) = self.0.last_mut() {
            segment.statements.push((sql, params));
            segment.is_closed |= closes;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The statements, in order.
    pub(super) fn take(&mut self) -> Vec<(String, Vec<Value>)> {
        let mut all = Vec::new();
        for segment in self.0.drain(..) {
            for rows in segment.inserts.into_iter().filter(|rows| rows.len() > 0) {
                let lists = rows.columns.into_iter().map(Value::List).collect();
                all.push((rows.table.sql(), lists));
            }
            let statements = segment.statements.into_iter();
            all.extend(statements.map(|(sql, params)| (sql.to_owned(), params)));
        }
        all
    }

    pub(super) fn mark(&self) -> Mark {
        let last = self.0.last();
        Mark {
            segments: self.0.len(),
            inserts: last.map_or_else(Vec::new, |it| it.inserts.iter().map(Rows::len).collect()),
            statements: last.map_or(0, |it| it.statements.len()),
            is_closed: last.is_some_and(|it| it.is_closed),
        }
    }

    pub(super) fn back_to(&mut self, mark: &Mark) {
        self.0.truncate(mark.segments);
        let Some(last) = self.0.last_mut().filter(|_| mark.segments > 0) else {
            return;
        };
        last.statements.truncate(mark.statements);
        last.is_closed = mark.is_closed;
        last.inserts.truncate(mark.inserts.len());
        for (rows, len) in last.inserts.iter_mut().zip(&mark.inserts) {
            rows.columns
                .iter_mut()
                .for_each(|column| column.truncate(*len));
        }
    }
}

fn of_table<'r>(inserts: &'r [Rows], table: &Table) -> Option<&'r Rows> {
    inserts.iter().find(|it| it.table.name == table.name)
}

/// Whether there is a row with the same first column.
fn has(rows: &Rows, row: &[Value]) -> bool {
    let (Some(Value::Uuid(id)), Some(first)) = (row.first(), rows.columns.first()) else {
        return false;
    };
    first
        .iter()
        .any(|known| matches!(known, Value::Uuid(known) if known == id))
}
