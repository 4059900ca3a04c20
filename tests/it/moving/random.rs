//! Databases with nonsense in them.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use store::moving::{Kind, TABLES, Table};

/// A generator that gives the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.next(256) as u8).collect()
    }

    fn value(&mut self, kind: Kind) -> Value {
        const LETTERS: [char; 12] = [
            'a', 'Z', '0', ' ', '\'', '"', '\\', '\n', 'é', '木', '😀', '{',
        ];
        match kind {
            Kind::Bool => Value::Integer(self.next(2) as i64),
            Kind::Int => {
                let number = self.next(1 << 30) as i64;
                Value::Integer(number - (1 << 29))
            }
            Kind::Text => {
                let count = self.next(40);
                let letter = |_| LETTERS[self.next(12) as usize];
                Value::Text((0..count).map(letter).collect())
            }
            Kind::Bytes => {
                let count = self.next(60) + 2;
                Value::Blob(self.bytes(count))
            }
            Kind::Uuid => Value::Blob(self.bytes(16)),
        }
    }
}

/// The columns as SQLite has them, with what may be null.
fn columns(conn: &Connection, table: &Table) -> Vec<(&'static str, Kind, bool)> {
    let may_be_null = |name: &str| {
        let sql = "SELECT \"notnull\" = 0 AND pk = 0 FROM pragma_table_info(?1) WHERE name = ?2";
        conn.query_row(sql, [table.name, name], |row| row.get::<_, bool>(0))
            .unwrap_or(false)
    };
    let columns = table.columns.iter().filter(|it| it.name != "part");
    let columns = columns.map(|it| match (table.name, it.name) {
        ("components", "no") => ("rowid", it.kind, false),
        (_, name) => (name, it.kind, may_be_null(name)),
    });
    columns.collect()
}

/// So many rows in each table, of which a key says which is which.
pub fn fill(path: &Path, rows: i64) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM pools")
        .unwrap();
    let mut chance = Chance(7);
    for table in &TABLES {
        let columns = columns(&conn, table);
        for n in 1..=rows {
            let value = |(name, kind, may_be_null): &(&str, Kind, bool)| match (table.name, *name) {
                // Keys, and what refers to them.
                (_, "no" | "n" | "seq" | "rowid" | "minute") => Value::Integer(n),
                ("components" | "texts" | "run_texts" | "blobs" | "run_blobs", "digest")
                | ("deployments", "component") => Value::Blob(n.to_be_bytes().repeat(4)),
                ("pools", "name") | ("deployments", "pool" | "name") => {
                    Value::Text(format!("p{n}"))
                }
                ("tokens", "id") | ("sign_in_links" | "sessions", "token") => {
                    Value::Blob(n.to_be_bytes().repeat(2))
                }
                (
                    "tokens" | "answers" | "variables" | "secrets" | "limits" | "work_queues"
                    | "settings",
                    "name" | "key",
                )
                | ("run_origins", "flow") => Value::Text(format!("{n}")),
                ("blobs", "loose") => Value::Integer(1),
                // Whoever holds something is a run that is there.
                ("run_texts" | "run_blobs", "run") => Value::Integer(n),
                ("journal_kept", "answer") => Value::Text(format!("{n}")),
                ("flow_run_specs", "idempotency_key") => Value::Text(format!("{n}")),
                ("flow_runs", "state") => Value::Text("FAILED".to_owned()),
                ("events", "total") => Value::Integer(n),
                ("workers", "lease_until") => Value::Integer(0),
                _ if *may_be_null && chance.next(3) == 0 => Value::Null,
                _ => chance.value(*kind),
            };
            let values: Vec<Value> = columns.iter().map(value).collect();
            let mut names: Vec<&str> = columns.iter().map(|it| it.0).collect();
            let mut values = values;
            if table.name == "events" {
                // The first row is there.
                values[0] = Value::Integer(n + 1);
                names.extend(["tag", "total"]);
                values.extend([Value::Integer(n), Value::Integer(n)]);
            }
            let marks = vec!["?"; names.len()].join(", ");
            let sql = format!(
                "INSERT INTO {} ({}) VALUES ({marks})",
                table.name,
                names.join(", ")
            );
            conn.execute(&sql, params_from_iter(values))
                .unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
    }
}

/// All rows of all tables.
pub fn rows(path: &Path) -> Vec<(&'static str, Vec<Value>)> {
    let conn = Connection::open(path).unwrap();
    let mut all = Vec::new();
    for table in &TABLES {
        let columns = columns(&conn, table);
        let names: Vec<&str> = columns.iter().map(|it| it.0).collect();
        let key = names[..table.key.min(names.len())].join(", ");
        // The first row of events is made with the database.
        let only = match table.name {
            "events" => "WHERE no > 1",
            _ => "",
        };
        let (names, of) = (names.join(", "), table.name);
        let sql = format!("SELECT {names} FROM {of} {only} ORDER BY {key}");
        let mut statement = conn.prepare(&sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let value = |at| row.get::<_, Value>(at).unwrap();
            all.push((table.name, (0..columns.len()).map(value).collect()));
        }
    }
    all
}
