//! The file as a whole: to look at, to bring to this version, to copy.
//!
//! A copy is under way while there is a table `moving`, which no version of the schema has: so it
//! needs no migration, and nothing is left of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::clock::MachineClock;
use super::leases::LeaseClock;
use super::open;
use super::presence::{self, Presence};
use super::schema::{self, KNOWN};
use super::sql::{Sql, params, store_error};
use model::{StateType, WorkerId};
use store::moving::{Cell, Condition, Contents, Database, Engine, Kind, Look, Mark, Row, Table};
use store::{Clock as _, StoreError, StoreResult};

/// A database in a file, opened for one question at a time.
#[derive(Clone)]
pub struct SqliteDatabase {
    path: PathBuf,
    /// Kept from one question to the next.
    reader: Arc<Mutex<Option<Connection>>>,
    writer: Arc<Mutex<Option<Connection>>>,
}

impl SqliteDatabase {
    /// Opens and makes nothing yet.
    pub fn at(path: impl AsRef<Path>) -> StoreResult<Self> {
        let path = path.as_ref();
        let absolute = std::path::absolute(path).map_err(|error| StoreError::CannotOpen {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            path: absolute,
            reader: Arc::default(),
            writer: Arc::default(),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Path) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (path, reader) = (self.path.clone(), Arc::clone(&self.reader));
        with(path, reader, read, open::looker).await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (path, writer) = (self.path.clone(), Arc::clone(&self.writer));
        let write = |conn: &Connection, _: &Path| {
            conn.run("BEGIN IMMEDIATE", [])?;
            let done = write(conn).and_then(|done| conn.run("COMMIT", []).map(|_| done));
            if done.is_err() && !conn.is_autocommit() {
                let _ = conn.run("ROLLBACK", []);
            }
            done
        };
        with(path, writer, write, open::writer).await
    }
}

/// Asks with the connection that is kept, or with a new one.
async fn with<T: Send + 'static>(
    path: PathBuf,
    kept: Arc<Mutex<Option<Connection>>>,
    ask: impl FnOnce(&Connection, &Path) -> StoreResult<T> + Send + 'static,
    open: impl FnOnce(&Path) -> StoreResult<Connection> + Send + 'static,
) -> StoreResult<T> {
    let asking = move || {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let conn = match &mut *kept {
            Some(conn) => conn,
            none => none.insert(open(&path)?),
        };
        ask(conn, &path)
    };
    tokio::task::spawn_blocking(asking)
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

/// Errs if the file is damaged.
fn sound(conn: &Connection, path: &Path) -> StoreResult<()> {
    let found: String = conn.need("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::NotADatabase {
        path: path.to_owned(),
        reason: format!("it is damaged: {found}"),
    })
}

/// Errs if the database is half a copy.
pub(super) fn need_whole(conn: &Connection, path: &Path) -> StoreResult<()> {
    match mark(conn)? {
        None => Ok(()),
        Some(mark) => Err(StoreError::HalfCopied {
            path: path.to_owned(),
            from: mark.from,
        }),
    }
}

fn mark(conn: &Connection) -> StoreResult<Option<Mark>> {
    if !conn.any("SELECT 1 FROM sqlite_schema WHERE name = 'moving'", [])? {
        return Ok(None);
    }
    conn.first("SELECT source, state FROM moving", [], |row| {
        Ok(Mark {
            from: row.get(0)?,
            state: row.get(1)?,
        })
    })
}

#[async_trait]
impl Database for SqliteDatabase {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn place(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    async fn identity(&self) -> StoreResult<String> {
        // Of a file that is not there yet, the directory is.
        let real = fs::canonicalize(&self.path).or_else(|_| {
            let dir = self.path.parent().unwrap_or(Path::new("/"));
            let name = self.path.file_name().unwrap_or_default();
            fs::canonicalize(dir).map(|dir| dir.join(name))
        });
        let real = real.unwrap_or_else(|_| self.path.clone());
        Ok(format!("sqlite:{}", real.display()))
    }

    async fn look(&self) -> StoreResult<Look> {
        let path = &self.path;
        let bytes_of = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let mut look = Look {
            condition: Condition::Missing,
            known: KNOWN,
            server: None,
            bytes: bytes_of(path) + bytes_of(Path::new(&log)),
            contents: None,
        };
        if matches!(fs::exists(path), Ok(false)) {
            return Ok(look);
        }
        let (condition, contents) = self.read(look_into).await?;
        look.condition = condition;
        look.contents = contents;
        Ok(look)
    }

    async fn write_backup(&self, to: &Path) -> StoreResult<()> {
        let (from, to) = (self.path.clone(), to.to_owned());
        let writing = move || {
            {
                let conn = open::looker(&from)?;
                conn.run("PRAGMA query_only = OFF", [])?;
                // An empty file, which nobody else may read.
                open::create(&to)?;
                let name = to.to_string_lossy().into_owned();
                conn.run("VACUUM INTO ?1", params![name])?;
            }
            sound(&open::looker(&to)?, &to)
        };
        tokio::task::spawn_blocking(writing)
            .await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    async fn check(&self) -> StoreResult<()> {
        self.read(sound).await
    }

    async fn migrate(&self) -> StoreResult<()> {
        // Opening does it.
        self.write(|_| Ok(())).await
    }

    async fn count(&self, table: &'static Table) -> StoreResult<u64> {
        let sql = format!("SELECT count(*) FROM {} t{}", table.name, only(table));
        self.read(move |conn, _| conn.need(&sql, [], |row| row.get::<_, i64>(0)))
            .await
            .map(i64::cast_unsigned)
    }

    async fn rows(
        &self,
        table: &'static Table,
        after: Option<Row>,
        bytes_max: usize,
    ) -> StoreResult<Vec<Row>> {
        self.read(move |conn, _| rows(conn, table, after.as_deref(), bytes_max))
            .await
    }

    async fn last_run_number(&self) -> StoreResult<i64> {
        self.read(|conn, _| {
            // Also the row that the last run has left.
            conn.need("SELECT coalesce(max(no), 0) FROM flow_runs", [], |row| {
                row.get(0)
            })
        })
        .await
    }

    async fn begin_copy(&self, mark: Mark) -> StoreResult<()> {
        self.write(move |conn| {
            conn.run("DELETE FROM work_queues", [])?;
            conn.run("DELETE FROM pools", [])?;
            conn.run(
                "CREATE TABLE moving (source TEXT NOT NULL, state TEXT NOT NULL, tag INTEGER NOT NULL)",
                [],
            )?;
            conn.run(
                "INSERT INTO moving (source, state, tag) VALUES (?1, ?2, random())",
                params![mark.from, mark.state],
            )?;
            Ok(())
        })
        .await
    }

    async fn add_rows(
        &self,
        table: &'static Table,
        rows: Vec<Row>,
        was: String,
        is: String,
    ) -> StoreResult<()> {
        self.write(move |conn| {
            let moved = conn.run(
                "UPDATE moving SET state = ?2 WHERE state = ?1",
                params![was, is],
            )?;
            if moved == 0 {
                return Err(StoreError::Unavailable(
                    "another process copies to it, too".to_owned(),
                ));
            }
            let sql = insertion(table);
            for row in rows {
                let add = || {
                    let mut statement = conn.prepare_cached(&sql)?;
                    statement.execute(params_from_iter(row.into_iter().map(value)))
                };
                add().map_err(|error| store_error(&error))?;
            }
            Ok(())
        })
        .await
    }

    async fn end_copy(&self, last_run_number: i64) -> StoreResult<()> {
        self.write(move |conn| {
            conn.run(
                "INSERT INTO run_blocks (no, first, last)
                 SELECT no / 1024, min(created), max(created) FROM flow_run_specs
                 WHERE no / 1024 < (SELECT coalesce(max(no), 0) / 1024 FROM flow_runs) GROUP BY 1",
                [],
            )?;
            conn.run(
                "INSERT INTO run_block_origins (origin, block)
                 SELECT DISTINCT r.origin, b.no
                 FROM flow_runs r JOIN run_blocks b ON b.no = r.no / 1024",
                [],
            )?;
            // What only deleted runs have held.
            conn.run(
                "UPDATE blobs SET loose = 1 WHERE digest NOT IN (SELECT digest FROM run_blobs)
                     AND digest NOT IN (SELECT digest FROM cached_blobs)",
                [],
            )?;
            // The last runs are deleted, and their numbers are not given again: as if this engine
            // had deleted them.
            let left = conn.run(
                "INSERT INTO flow_runs (no, id, state, state_name, state_at, states, attempt, epoch)
                 SELECT ?1, randomblob(16), 'COMPLETED', '', 0, 1, 0, 0
                 WHERE ?1 > (SELECT coalesce(max(no), 0) FROM flow_runs)",
                [last_run_number],
            )?;
            if left > 0 {
                conn.run(
                    "INSERT INTO deleted_runs (no, has_row, is_swept) VALUES (?1, 1, 1)",
                    [last_run_number],
                )?;
            }
            conn.run("DROP TABLE moving", [])?;
            Ok(())
        })
        .await
    }
}

fn look_into(conn: &Connection, path: &Path) -> StoreResult<(Condition, Option<Contents>)> {
    let Some(version) = schema::found(conn, path)? else {
        return Ok((Condition::Blank, None));
    };
    if version > KNOWN {
        return Ok((Condition::Version(version), None));
    }
    let condition = match mark(conn)? {
        Some(mark) => Condition::HalfCopied(mark),
        None => Condition::Version(version),
    };
    let runs: Vec<(StateType, i64)> = conn.all(
        "SELECT r.state, count(*) FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no GROUP BY 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let leases = LeaseClock::as_it_is(presence::place(path), Arc::new(MachineClock));
    let leased: Vec<(WorkerId, String)> = conn.all(
        "SELECT id, name FROM workers WHERE lease_until > ?1 ORDER BY started, id",
        [leases.at(MachineClock.now())],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let lost = Presence::new(path).lost();
    let alive = leased.into_iter().filter(|(id, _)| !lost.contains(id));
    let contents = Contents {
        runs: BTreeMap::from_iter(runs.into_iter().map(|(of, count)| (of, count as u64))),
        workers: alive.map(|(_, name)| name).collect(),
    };
    Ok((condition, Some(contents)))
}

/// What of a table is not to be copied: rows of runs that are deleted.
fn only(table: &Table) -> String {
    let owner = match table.name {
        "flow_runs" => "no",
        "task_runs" => "journal",
        "flow_run_states" | "journal" | "journal_kept" | "inputs" | "past_calls" | "logs"
        | "artifacts" | "run_texts" | "run_blobs" => "run",
        // A text goes with those who hold it.
        "texts" => {
            return " WHERE EXISTS (
                 SELECT 1 FROM run_texts h WHERE h.digest = t.digest
                     AND NOT EXISTS (SELECT 1 FROM deleted_runs d WHERE d.no = h.run)
             )"
            .to_owned();
        }
        // The first row of all tells of nothing.
        "events" => return " WHERE length(t.changes) > 1".to_owned(),
        _ => return String::new(),
    };
    format!(" WHERE NOT EXISTS (SELECT 1 FROM deleted_runs d WHERE d.no = t.{owner})")
}

/// The number of a component is that of its row, and a row of events has one part.
fn source(table: &Table, column: &'static str) -> &'static str {
    match (table.name, column) {
        ("components", "no") => "rowid",
        ("events", "part") => "1",
        _ => column,
    }
}

fn rows(
    conn: &Connection,
    table: &'static Table,
    after: Option<&[Cell]>,
    bytes_max: usize,
) -> StoreResult<Vec<Row>> {
    let columns = |columns: &'static [store::moving::Column]| {
        let names = columns.iter().map(|column| source(table, column.name));
        names.collect::<Vec<_>>().join(", ")
    };
    let key = columns(table.key_columns());
    let mut sql = format!(
        "SELECT {} FROM {} t{}",
        columns(table.columns),
        table.name,
        only(table)
    );
    if after.is_some() {
        let marks = vec!["?"; table.key].join(", ");
        let word = if sql.contains(" WHERE ") {
            "AND"
        } else {
            "WHERE"
        };
        sql.push_str(&format!(" {word} ({key}) > ({marks})"));
    }
    sql.push_str(&format!(" ORDER BY {key}"));
    let read = || -> Result<_, Fault> {
        let mut statement = conn.prepare_cached(&sql)?;
        let after = after.unwrap_or_default().iter().cloned().map(value);
        let mut found = statement.query(params_from_iter(after))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < bytes_max
            && let Some(row) = found.next()?
        {
            let mut cells = Vec::with_capacity(table.columns.len());
            for (at, column) in table.columns.iter().enumerate() {
                let cell = cell(row.get_ref(at)?, column.kind).ok_or_else(|| {
                    let (table, column) = (table.name, column.name);
                    Fault::Odd(format!("column `{column}` of table `{table}`"))
                })?;
                bytes += cell.bytes();
                cells.push(cell);
            }
            rows.push(cells);
        }
        Ok(rows)
    };
    read().map_err(|fault| match fault {
        Fault::Sqlite(error) => store_error(&error),
        Fault::Odd(what) => StoreError::Damaged(what),
    })
}

enum Fault {
    Sqlite(rusqlite::Error),
    Odd(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// None: the column holds something else.
fn cell(value: ValueRef<'_>, kind: Kind) -> Option<Cell> {
    Some(match (value, kind) {
        (ValueRef::Null, _) => Cell::Null,
        (ValueRef::Integer(number), Kind::Int) => Cell::Int(number),
        (ValueRef::Integer(number), Kind::Bool) => Cell::Bool(number != 0),
        (ValueRef::Text(text), Kind::Text) => Cell::Text(String::from_utf8(text.to_vec()).ok()?),
        (ValueRef::Blob(bytes), Kind::Bytes) => Cell::Bytes(bytes.to_vec()),
        (ValueRef::Blob(bytes), Kind::Uuid) => Cell::Uuid(Uuid::from_slice(bytes).ok()?),
        _ => return None,
    })
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Integer(value.into()),
        Cell::Int(value) => Value::Integer(value),
        Cell::Text(value) => Value::Text(value),
        Cell::Bytes(value) => Value::Blob(value),
        Cell::Uuid(value) => Value::Blob(value.into_bytes().to_vec()),
    }
}

fn insertion(table: &Table) -> String {
    if table.name == "events" {
        // Numbered anew, under a tag that no cursor has. What a row takes is counted as where they
        // are added.
        return "INSERT INTO events (at, tag, total, changes)
             SELECT ?3, m.tag,
                 length(?4) + 32 + (SELECT total FROM events ORDER BY no DESC LIMIT 1), ?4
             FROM moving m WHERE ?1 IS NOT NULL AND ?2 IS NOT NULL"
            .to_owned();
    }
    let names = table
        .columns
        .iter()
        .map(|column| source(table, column.name));
    format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        names.collect::<Vec<_>>().join(", "),
        vec!["?"; table.columns.len()].join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use store::moving::TABLES;

    /// Whoever adds a column or a table is told that copies have to have it.
    #[test]
    fn every_column_is_copied_or_left_out_on_purpose() {
        let made_anew = [
            "deleted_runs",
            "run_block_origins",
            "run_blocks",
            "run_totals",
            "run_totals_end",
            "turns",
            "limit_uses",
        ];
        let mut conn = Connection::open_in_memory().unwrap();
        schema::migrate(&mut conn, Path::new("memory")).unwrap();
        let names: Vec<String> = conn
            .all(
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
                [],
                |row| row.get(0),
            )
            .unwrap();
        for name in names.iter().filter(|it| !made_anew.contains(&it.as_str())) {
            let sql = format!("SELECT name FROM pragma_table_info('{name}')");
            let there: Vec<String> = conn.all(&sql, [], |row| row.get(0)).unwrap();
            let there = there.into_iter().filter(|column| {
                // The tag and the sum of a row of events are the copy's own.
                name != "events" || !["tag", "total"].contains(&column.as_str())
            });
            let table = TABLES.iter().find(|table| table.name == name);
            let table = table.unwrap_or_else(|| panic!("table `{name}` is not copied"));
            let known = table.columns.iter().map(|it| source(table, it.name));
            let known = known.filter(|it| !["rowid", "1"].contains(it));
            assert_eq!(
                there.collect::<BTreeSet<_>>(),
                known.map(str::to_owned).collect(),
                "{name}"
            );
        }
    }
}
