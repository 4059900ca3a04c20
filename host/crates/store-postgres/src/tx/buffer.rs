//! What a transaction is to change, until it is sent.
//!
//! Changes of one kind become one statement over arrays, although others came between them: a change
//! goes with the earlier ones of its kind unless something that came after those concerns the same
//! rows. What is not known to keep to rows of its own holds its place in the order, and everything
//! else with it.

use std::collections::HashMap;

use crate::columns::Value;

/// The name and the type of a column.
type Column = (&'static str, &'static str);

/// A change of a table that is made to many rows at once.
#[derive(Debug)]
pub(crate) struct Bulk {
    pub table: &'static str,
    /// What a row of the change consists of.
    pub columns: &'static [Column],
    /// How many of them, from the first on, say which rows of the table it concerns. Changes of one
    /// table say that by the same columns.
    pub keys: usize,
    pub how: How,
}

#[derive(Debug)]
pub(crate) enum How {
    /// Adds rows. With what becomes of a row that is there already.
    Insert { conflict: &'static str },
    /// Sets what is not a key. `but`: other columns, said in SQL of `t`, the row, and `u`, the
    /// change; `given`: how many columns at the end are only for that. Without any, nothing of the
    /// row is looked at, and of two changes of a row the later one is enough.
    Update { but: &'static str, given: usize },
    /// Removes rows.
    Delete,
}

impl Bulk {
    fn sql(&self) -> String {
        let names = |columns: &[Column]| {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            names.join(", ")
        };
        let arrays: Vec<String> = (1..)
            .zip(self.columns)
            .map(|(n, (_, kind))| format!("${n}::{kind}[]"))
            .collect();
        let (table, all, arrays) = (self.table, names(self.columns), arrays.join(", "));
        let (keys, values) = self.columns.split_at(self.keys.min(self.columns.len()));
        let found: Vec<String> = keys
            .iter()
            .map(|(it, _)| format!("t.{it} = u.{it}"))
            .collect();
        let found = found.join(" AND ");
        match self.how {
            How::Insert { conflict } => {
                format!("INSERT INTO {table} ({all}) SELECT * FROM unnest({arrays}) {conflict}")
            }
            How::Update { but, given } => {
                let set = &values[..values.len().saturating_sub(given)];
                let mut set: Vec<String> =
                    set.iter().map(|(it, _)| format!("{it} = u.{it}")).collect();
                set.extend((!but.is_empty()).then(|| but.to_owned()));
                let set = set.join(", ");
                format!("UPDATE {table} t SET {set} FROM unnest({arrays}) u ({all}) WHERE {found}")
            }
            How::Delete => {
                format!("DELETE FROM {table} t USING unnest({arrays}) u ({all}) WHERE {found}")
            }
        }
    }

    /// Whether one statement may concern a row twice.
    fn repeats(&self) -> bool {
        matches!(self.how, How::Delete | How::Insert { conflict: "" })
    }

    /// Whether a later change of a row makes an earlier one needless.
    fn replaces(&self) -> bool {
        matches!(self.how, How::Update { given: 0, .. })
    }
}

/// Which rows of a table a change concerns.
type Place = (&'static str, Vec<Value>);

enum Step {
    Rows(Rows),
    Statement(&'static str, Vec<Value>),
}

/// Changes of one kind, column by column.
struct Rows {
    bulk: &'static Bulk,
    columns: Vec<Vec<Value>>,
}

impl Rows {
    fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    fn set(&mut self, row: usize, values: Vec<Value>) {
        for (column, value) in self.columns.iter_mut().zip(values) {
            match column.get_mut(row) {
                Some(place) => *place = value,
                None => column.push(value),
            }
        }
    }

    fn place(&self, row: usize) -> Place {
        let keys = self.columns.iter().take(self.bulk.keys);
        let keys = keys.filter_map(|column| column.get(row).cloned());
        (self.bulk.table, keys.collect())
    }
}

#[derive(Default)]
pub(super) struct Buffer {
    steps: Vec<Step>,
    /// The last step that concerns these rows, and which change of it.
    last: HashMap<Place, (usize, usize)>,
    /// Nothing goes with what stands before this step.
    from: usize,
    /// How many changes were made needless by later ones.
    replaced: usize,
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// How many changes each step makes; a statement makes one.
    steps: Vec<usize>,
    replaced: usize,
}

impl Buffer {
    /// A change, in the order of its columns.
    pub(super) fn bulk(&mut self, bulk: &'static Bulk, row: Vec<Value>) {
        let place: Place = (bulk.table, row.iter().take(bulk.keys).cloned().collect());
        let latest = self.last.get(&place).copied();
        let is_kind = |(at, step): (usize, &Step)| match step {
            Step::Rows(rows) if std::ptr::eq(rows.bulk, bulk) => Some(at),
            _ => None,
        };
        let steps = self.steps.iter().enumerate().skip(self.from);
        let mut at = steps.rev().find_map(is_kind);
        let mut row_at = None;
        match (latest, at) {
            (Some((last, row)), Some(same)) if last == same => {
                if bulk.replaces() {
                    row_at = Some(row);
                    self.replaced += 1;
                } else if !bulk.repeats() {
                    at = None;
                }
            }
            (Some((last, _)), Some(earlier)) if last > earlier => at = None,
            _ => {}
        }
        let at = at.unwrap_or_else(|| {
            self.steps.push(Step::Rows(Rows {
                bulk,
                columns: bulk.columns.iter().map(|_| Vec::new()).collect(),
            }));
            self.steps.len() - 1
        });
        if let Some(Step::Rows(rows)) = self.steps.get_mut(at) {
            let row_at = row_at.unwrap_or(rows.len());
            rows.set(row_at, row);
            if bulk.keys > 0 {
                self.last.insert(place, (at, row_at));
            }
        }
    }

    /// A statement that may concern any row.
    pub(super) fn run(&mut self, sql: &'static str, params: Vec<Value>) {
        self.steps.push(Step::Statement(sql, params));
        self.from = self.steps.len();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The statements, in order.
    pub(super) fn take(&mut self) -> Vec<(String, Vec<Value>)> {
        let Self { steps, .. } = std::mem::take(self);
        let statement = |step| match step {
            Step::Rows(rows) => {
                let sql = rows.bulk.sql();
                (sql, rows.columns.into_iter().map(Value::List).collect())
            }
            Step::Statement(sql, params) => (sql.to_owned(), params),
        };
        steps.into_iter().map(statement).collect()
    }

    pub(super) fn mark(&self) -> Mark {
        let count = |step: &Step| match step {
            Step::Rows(rows) => rows.len(),
            Step::Statement(..) => 1,
        };
        Mark {
            steps: self.steps.iter().map(count).collect(),
            replaced: self.replaced,
        }
    }

    /// Forgets what came since. False: it took the place of what was there before.
    pub(super) fn back_to(&mut self, mark: &Mark) -> bool {
        self.steps.truncate(mark.steps.len());
        self.last.clear();
        self.from = 0;
        for (at, (step, len)) in self.steps.iter_mut().zip(&mark.steps).enumerate() {
            match step {
                Step::Statement(..) => self.from = at + 1,
                Step::Rows(rows) => {
                    let columns = rows.columns.iter_mut();
                    columns.for_each(|column| column.truncate(*len));
                    if rows.bulk.keys > 0 {
                        let places = (0..rows.len()).map(|row| (rows.place(row), (at, row)));
                        self.last.extend(places);
                    }
                }
            }
        }
        self.replaced == mark.replaced
    }
}

#[cfg(test)]
mod tests;
