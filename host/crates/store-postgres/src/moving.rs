//! The database as a whole: to look at, to bring to this version, to copy.
//!
//! A copy is under way while there is a table `moving`, which no version of the schema has: so it
//! needs no migration, and nothing is left of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::connect::{Connector, Options, SCHEMA};
use super::home::Home;
use super::schema;
use crate::columns::{Value, text};
use crate::error::{Fault, Pg};
use crate::sql::{self, Conn, Reader, params};
use model::StateType;
use store::moving::{
    Cell, Column, Condition, Contents, Database, Engine, Kind, Look, Mark, Row, TABLES, Table,
};
use store::{StoreError, StoreResult};

/// How long an answer is waited for: a large table is counted, and a page of it is written.
const PATIENCE: Duration = Duration::from_mins(10);

/// Rows that are read at once, at most.
const ROWS_MAX: i64 = 5_000;

/// The number of the first copied event: before that of every transaction, however many are copied.
const FIRST_EVENT: i64 = -(1 << 52);

/// Tables that number their rows themselves.
const NUMBERED: [&str; 7] = [
    "artifacts",
    "audit",
    "bulk_actions",
    "components",
    "journal_kept",
    "run_origins",
    "task_runs",
];

/// A database of a server. It is connected to when it is asked first.
pub struct PostgresDatabase {
    connector: Arc<Connector>,
    home: Home,
}

impl PostgresDatabase {
    /// Connects to nothing yet.
    pub fn at(options: Options) -> StoreResult<Self> {
        Ok(Self {
            connector: Arc::new(Connector::new(options.with_patience(PATIENCE))),
            home: Home::start()?,
        })
    }

    /// Asks on the thread of the connections.
    async fn ask<T, F>(
        &self,
        ask: impl FnOnce(Reader, Arc<Connector>) -> F + Send + 'static,
    ) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Future<Output = Pg<T>> + Send + 'static,
    {
        let connector = Arc::clone(&self.connector);
        let asking = async move {
            let conn = connector.first().await?;
            ask(conn, connector).await
        };
        match self.home.handle().spawn(asking).await {
            Ok(answer) => answer.map_err(Fault::told),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    /// Does something in a transaction.
    async fn change<F>(&self, change: impl FnOnce(Reader) -> F + Send + 'static) -> StoreResult<()>
    where
        F: Future<Output = (Reader, Pg<()>)> + Send + 'static,
    {
        self.ask(async move |conn, _| {
            conn.0.command("BEGIN").await?;
            let (conn, done) = change(conn).await;
            let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = conn.0.command(end).await;
            done?;
            ended
        })
        .await
    }
}

/// Errs if the database is half a copy.
pub(crate) async fn need_whole(conn: &Reader, options: &Options) -> Pg<()> {
    match copied_from(conn).await? {
        None => Ok(()),
        Some(from) => Err(StoreError::HalfCopied {
            path: options.path(),
            from,
        }
        .into()),
    }
}

/// The place of the original, if this is half a copy. Everybody may ask.
async fn copied_from(conn: &Reader) -> Pg<Option<String>> {
    let is_there = "SELECT 1 WHERE to_regclass('moving') IS NOT NULL";
    if !conn.any(is_there, params![]).await? {
        return Ok(None);
    }
    conn.first("SELECT source FROM moving", params![], |row| row.get(0))
        .await
}

/// How far it is, is for its owner.
async fn mark(conn: &Reader) -> Pg<Option<Mark>> {
    let Some(from) = copied_from(conn).await? else {
        return Ok(None);
    };
    let is_owner = "SELECT 1 WHERE has_table_privilege('moving', 'SELECT')";
    let state = if conn.any(is_owner, params![]).await? {
        conn.first("SELECT state FROM moving", params![], |row| row.get(0))
            .await?
    } else {
        None
    };
    Ok(Some(Mark {
        from,
        state: state.unwrap_or_default(),
    }))
}

#[async_trait]
impl Database for PostgresDatabase {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn place(&self) -> String {
        self.connector.options().to_string()
    }

    async fn identity(&self) -> StoreResult<String> {
        self.ask(async |conn, _| {
            conn.need(
                "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid
                 FROM pg_database WHERE datname = current_database()",
                params![],
                |row| row.get(0),
            )
            .await
        })
        .await
    }

    async fn look(&self) -> StoreResult<Look> {
        self.ask(async |conn, connector| look(&conn, connector.options()).await)
            .await
    }

    async fn migrate(&self) -> StoreResult<()> {
        self.ask(async |conn, connector| schema::migrate(&conn, connector.options()).await)
            .await
    }

    async fn count(&self, table: &'static Table) -> StoreResult<u64> {
        self.ask(async |conn, _| {
            let sql = format!("SELECT count(*) FROM {} t", source(table));
            conn.need(&sql, params![], |row| row.get(0)).await
        })
        .await
    }

    async fn rows(
        &self,
        table: &'static Table,
        after: Option<Row>,
        bytes_max: usize,
    ) -> StoreResult<Vec<Row>> {
        self.ask(async move |conn, _| {
            rows(&conn, table, after.unwrap_or_default(), bytes_max).await
        })
        .await
    }

    async fn last_run_number(&self) -> StoreResult<i64> {
        self.ask(async |conn, _| {
            conn.need(
                "SELECT greatest(coalesce((SELECT max(no) FROM flow_runs), 0),
                     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM run_numbers))",
                params![],
                |row| row.get(0),
            )
            .await
        })
        .await
    }

    async fn begin_copy(&self, mark: Mark) -> StoreResult<()> {
        self.change(async move |conn| {
            let done = begin(&conn, mark).await;
            (conn, done)
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
        self.change(async move |conn| {
            let done = add(&conn, table, rows, was, is).await;
            (conn, done)
        })
        .await
    }

    async fn end_copy(&self, last_run_number: i64) -> StoreResult<()> {
        self.change(async move |conn| {
            let done = end(&conn, last_run_number).await;
            (conn, done)
        })
        .await
    }
}

async fn look(conn: &Reader, options: &Options) -> Pg<Look> {
    let (server, bytes) = conn
        .need(
            "SELECT current_setting('server_version'), (
                 SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relkind = 'r')",
            params![SCHEMA],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    let known = schema::KNOWN;
    let mut look = Look {
        condition: Condition::Blank,
        known,
        server: Some(server),
        bytes,
        contents: None,
    };
    let Some(version) = schema::version(conn, options).await? else {
        schema::need_room(conn, options).await?;
        return Ok(look);
    };
    look.condition = match mark(conn).await? {
        Some(mark) => Condition::HalfCopied(mark),
        None => Condition::Version(version),
    };
    if version <= known {
        look.contents = Some(contents(conn).await?);
    }
    Ok(look)
}

async fn contents(conn: &Reader) -> Pg<Contents> {
    let runs: Vec<(StateType, u64)> = conn
        .all(
            "SELECT state, count(*) FROM flow_runs GROUP BY 1",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    let workers = conn.all(
        "SELECT name FROM workers
         WHERE lease_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
         ORDER BY started, id",
        params![],
        |row| row.get(0),
    );
    Ok(Contents {
        runs: runs.into_iter().collect(),
        workers: workers.await?,
    })
}

/// What the rows of a table are read from.
fn source(table: &Table) -> &'static str {
    match table.name {
        // A row a key, whatever shard it was counted in.
        "run_tallies" => {
            "(SELECT minute, origin, state, sum(count)::bigint AS count,
                  sum(total_ms)::bigint AS total_ms
              FROM run_tallies GROUP BY minute, origin, state)"
        }
        "events" => {
            "(SELECT e.no, p.part, e.at, p.changes
              FROM events e CROSS JOIN LATERAL unnest(e.changes) WITH ORDINALITY p (changes, part))"
        }
        _ => table.name,
    }
}

fn names(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    names.join(", ")
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Uuid => "uuid",
    }
}

/// How many rows are not too many is asked first, which reads none of their texts.
async fn rows(conn: &Reader, table: &'static Table, after: Row, bytes_max: usize) -> Pg<Vec<Row>> {
    let key = names(table.key_columns());
    let place = if after.is_empty() {
        String::new()
    } else {
        let marks = (1..).zip(table.key_columns());
        let marks = marks.map(|(n, column)| format!("${n}::{}", type_of(column.kind)));
        let marks: Vec<String> = marks.collect();
        // The first of them alone, too, for those that are made of others.
        format!(
            " WHERE ({key}) > ({}) AND {} >= {}",
            marks.join(", "),
            table.columns[0].name,
            marks[0]
        )
    };
    let after = || after.iter().cloned().map(value).collect::<Vec<_>>();
    let sizes = table.columns.iter().filter_map(|column| match column.kind {
        Kind::Text | Kind::Bytes => Some(format!("coalesce(octet_length({}), 0)", column.name)),
        _ => None,
    });
    let sizes: Vec<String> = sizes.chain(["100".to_owned()]).collect();
    let from = source(table);
    let sizes = format!(
        "SELECT ({})::bigint FROM {from} t{place} ORDER BY {key} LIMIT {ROWS_MAX}",
        sizes.join(" + ")
    );
    let mut left = bytes_max as i64;
    let sizes: Vec<i64> = conn.all(&sizes, after(), |row| row.get(0)).await?;
    let fitting = sizes.into_iter().take_while(|size| {
        let fits = left > 0;
        left -= size;
        fits
    });
    let count = fitting.count();
    if count == 0 {
        return Ok(Vec::new());
    }
    // The count stands in the text, which is not prepared twice for most pages.
    let sql = format!(
        "SELECT {} FROM {from} t{place} ORDER BY {key} LIMIT ${}",
        names(table.columns),
        after().len() + 1
    );
    let mut values = after();
    values.push(Value::Int(count as i64));
    conn.all(&sql, values, |row| {
        let columns = table.columns.iter().enumerate();
        columns.map(|(at, it)| cell(row, at, it.kind)).collect()
    })
    .await
}

fn cell(row: &sql::Row, at: usize, kind: Kind) -> Pg<Cell> {
    Ok(match kind {
        Kind::Bool => row.get::<Option<bool>>(at)?.map(Cell::Bool),
        Kind::Int => row.get::<Option<i64>>(at)?.map(Cell::Int),
        Kind::Text => row.get::<Option<String>>(at)?.map(Cell::Text),
        Kind::Bytes => row.get::<Option<Vec<u8>>>(at)?.map(Cell::Bytes),
        Kind::Uuid => row.get::<Option<uuid::Uuid>>(at)?.map(Cell::Uuid),
    }
    .unwrap_or(Cell::Null))
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(value),
        Cell::Int(value) => Value::Int(value),
        Cell::Text(value) => text(&value),
        Cell::Bytes(value) => Value::Bytes(value),
        Cell::Uuid(value) => Value::Uuid(value),
    }
}

async fn begin(conn: &Reader, mark: Mark) -> Pg<()> {
    conn.0
        .command(
            "DELETE FROM work_queues;
             DELETE FROM pools;
             CREATE TABLE moving (source text NOT NULL, state text NOT NULL, tag bigint NOT NULL);
             GRANT SELECT (source) ON moving TO PUBLIC",
        )
        .await?;
    conn.query(
        "INSERT INTO moving (source, state, tag)
         VALUES ($1, $2, floor(random() * 9007199254740992)::bigint)",
        params![mark.from, mark.state],
    )
    .await?;
    Ok(())
}

async fn add(
    conn: &Reader,
    table: &'static Table,
    rows: Vec<Row>,
    was: String,
    is: String,
) -> Pg<()> {
    let moved = conn
        .any(
            "UPDATE moving SET state = $2 WHERE state = $1 RETURNING 1",
            params![was, is],
        )
        .await?;
    if !moved {
        let why = "another process copies to it, too";
        return Err(StoreError::Unavailable(why.to_owned()).into());
    }
    let mut columns: Vec<Vec<Value>> = table.columns.iter().map(|_| Vec::new()).collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(value(cell));
        }
    }
    let lists = columns.into_iter().map(Value::List).collect();
    conn.query(&insertion(table), lists).await?;
    Ok(())
}

fn insertion(table: &Table) -> String {
    let arrays = (1..).zip(table.columns);
    let arrays = arrays.map(|(n, column)| format!("${n}::{}[]", type_of(column.kind)));
    let arrays = arrays.collect::<Vec<_>>().join(", ");
    let names = names(table.columns);
    match table.name {
        // Numbered anew, under a tag that no cursor has.
        "events" => format!(
            "INSERT INTO events (no, tag, at, bytes, changes)
             SELECT n + coalesce((SELECT max(no) FROM events WHERE no < 0), {FIRST_EVENT}),
                 (SELECT tag FROM moving), at, octet_length(changes) + 32, ARRAY[changes]
             FROM unnest({arrays}) WITH ORDINALITY u ({names}, n)"
        ),
        "run_tallies" => format!(
            "INSERT INTO run_tallies ({names}, shard) SELECT {names}, 0 FROM unnest({arrays}) u ({names})"
        ),
        name => format!(
            "INSERT INTO {name} ({names}) OVERRIDING SYSTEM VALUE
             SELECT {names} FROM unnest({arrays}) u ({names})"
        ),
    }
}

/// Numbers go on after those that were copied.
async fn end(conn: &Reader, last_run_number: i64) -> Pg<()> {
    conn.query(
        "SELECT setval('run_numbers', greatest($1, 1), $1 > 0)",
        params![last_run_number],
    )
    .await?;
    // The lines of a transaction have a block of 2^20 numbers.
    conn.query(
        "SELECT setval('log_blocks', coalesce(max(no) >> 20, 0) + 1) FROM logs",
        params![],
    )
    .await?;
    for table in TABLES.iter().filter(|it| NUMBERED.contains(&it.name)) {
        let name = table.name;
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{name}', 'no'),
                 coalesce(max(no), 1), max(no) IS NOT NULL) FROM {name}"
        );
        conn.query(&sql, params![]).await?;
    }
    // What only deleted runs have held.
    conn.query(
        "UPDATE blobs SET loose = true WHERE digest NOT IN (SELECT digest FROM run_blobs)
             AND digest NOT IN (SELECT digest FROM cached_blobs)",
        params![],
    )
    .await?;
    // Otherwise the first statements on the full tables would be planned for empty ones.
    conn.0.command("DROP TABLE moving; ANALYZE").await?;
    Ok(())
}
