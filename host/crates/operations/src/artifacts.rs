//! What artifacts show, for people.

use std::fmt;

use model::Json;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::text::{counted, one_line, size};
use crate::view::ArtifactView;

/// How much a list shows of a text, in characters.
const SHOWN_MAX: usize = 50;

/// What an artifact shows, in a few words.
pub fn in_short(artifact: &ArtifactView) -> String {
    let Some(data) = &artifact.data else {
        return size(artifact.size);
    };
    let text = match data.value() {
        Value::String(text) => one_line(&text),
        Value::Array(rows) => counted(rows.len() as u64, "row"),
        Value::Number(percent) => format!("{percent} %"),
        other => one_line(&other.to_string()),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The rows and columns of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// In the order in which they appear first.
    pub columns: Vec<String>,
    /// A cell for each column. A text stands as it is, anything else as its JSON; what a row does
    /// not have is empty.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// None: it is no list of objects.
    pub fn of(data: &Json) -> Option<Self> {
        let rows: Vec<Fields> = serde_json::from_str(data.as_str()).ok()?;
        let mut grid = Self::default();
        for Fields(fields) in rows {
            let mut row = vec![String::new(); grid.columns.len()];
            for (name, value) in fields {
                let known = grid.columns.iter().position(|it| *it == name);
                let place = known.unwrap_or_else(|| {
                    grid.columns.push(name);
                    row.push(String::new());
                    grid.columns.len() - 1
                });
                row[place] = cell(value);
            }
            grid.rows.push(row);
        }
        for row in &mut grid.rows {
            row.resize(grid.columns.len(), String::new());
        }
        Some(grid)
    }
}

fn cell(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// An object, with its fields in their order.
struct Fields<'d>(Vec<(String, &'d RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &str, columns: &[&str], rows: &[&[&str]]) {
        let grid = Grid::of(&Json::parse(data).unwrap()).unwrap();
        assert_eq!(grid.columns, columns);
        assert_eq!(grid.rows, rows);
    }

    #[test]
    fn a_table_has_a_column_for_each_name() {
        check("[]", &[], &[]);
        check(
            r#"[{"id":1,"name":"a\nb"},{"name":null,"total":1.50,"id":2}]"#,
            &["id", "name", "total"],
            &[&["1", "a\nb", ""], &["2", "null", "1.50"]],
        );
        check(
            r#"[{"list":[1, 2],"a":true}]"#,
            &["list", "a"],
            &[&["[1, 2]", "true"]],
        );
        assert_eq!(Grid::of(&Json::trusted("[1]")), None);
        assert_eq!(Grid::of(&Json::trusted(r#""***""#)), None);
    }
}
