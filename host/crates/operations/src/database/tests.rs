//! Copies that meet trouble, between two files.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use store::contract::cast::new_run;
use store::moving::{Database, Engine, Look, Mark, Row, TABLES, Table};
use store::{Runs as _, StoreError, StoreResult};
use store_sqlite::{SqliteDatabase, SqliteStore};

use super::copy::copy_by;
use super::*;

/// Rows are added until the process dies.
struct Dying {
    inner: SqliteDatabase,
    pages_left: AtomicU32,
}

#[async_trait]
impl Database for Dying {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }
    fn place(&self) -> String {
        self.inner.place()
    }
    async fn identity(&self) -> StoreResult<String> {
        self.inner.identity().await
    }
    async fn look(&self) -> StoreResult<Look> {
        self.inner.look().await
    }
    async fn migrate(&self) -> StoreResult<()> {
        self.inner.migrate().await
    }
    async fn count(&self, table: &'static Table) -> StoreResult<u64> {
        self.inner.count(table).await
    }
    async fn rows(
        &self,
        table: &'static Table,
        after: Option<Row>,
        bytes_max: usize,
    ) -> StoreResult<Vec<Row>> {
        self.inner.rows(table, after, bytes_max).await
    }
    async fn last_run_number(&self) -> StoreResult<i64> {
        self.inner.last_run_number().await
    }
    async fn begin_copy(&self, mark: Mark) -> StoreResult<()> {
        self.inner.begin_copy(mark).await
    }
    async fn add_rows(
        &self,
        table: &'static Table,
        rows: Vec<Row>,
        was: String,
        is: String,
    ) -> StoreResult<()> {
        if self.pages_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(StoreError::Unavailable("killed".to_owned()));
        }
        self.inner.add_rows(table, rows, was, is).await
    }
    async fn end_copy(&self, last_run_number: i64) -> StoreResult<()> {
        self.inner.end_copy(last_run_number).await
    }
}

/// A database with so many runs, which nobody uses any more.
async fn original(path: &Path, runs: usize) -> SqliteDatabase {
    let store = SqliteStore::open(path).unwrap();
    let runs = (0..runs).map(|_| new_run("etl")).collect();
    store.create_runs(runs).await.unwrap();
    drop(store);
    SqliteDatabase::at(path).unwrap()
}

async fn rows_of(database: &SqliteDatabase, name: &str) -> Vec<Row> {
    let table = TABLES.iter().find(|table| table.name == name).unwrap();
    database.rows(table, None, usize::MAX).await.unwrap()
}

/// With a row a page, and a death after each number of them.
#[tokio::test]
async fn a_copy_goes_on_wherever_it_was_killed() {
    let home = tempfile::tempdir().unwrap();
    let from = original(&home.path().join("from.db"), 3).await;
    let mut deaths = 0;
    for pages in 0.. {
        let to = SqliteDatabase::at(home.path().join(format!("to-{pages}.db"))).unwrap();
        let dying = Dying {
            inner: to.clone(),
            pages_left: AtomicU32::new(pages),
        };
        let first = copy_by(&from, &dying, 1, |_| {}).await;
        if first.is_err() {
            deaths += 1;
            assert!(matches!(
                SqliteStore::open(home.path().join(format!("to-{pages}.db"))),
                Err(StoreError::HalfCopied { .. })
            ));
            let copied = copy_by(&from, &to, 1, |_| {}).await.unwrap();
            assert_eq!(copied.earlier, u64::from(pages));
        }
        for table in &TABLES {
            let of = |database: SqliteDatabase| async move { rows_of(&database, table.name).await };
            let (mut before, mut after) = (of(from.clone()).await, of(to.clone()).await);
            if table.is_renumbered {
                for row in before.iter_mut().chain(&mut after) {
                    row.drain(..table.key);
                }
            }
            assert_eq!(before, after, "{}", table.name);
        }
        if first.is_ok() {
            break;
        }
    }
    assert!(deaths > 10, "{deaths}");
}

/// What has changed is told, and the target is not used.
#[tokio::test]
async fn a_copy_of_what_changes_meanwhile_is_not_finished() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("from.db");
    let from = original(&path, 3).await;
    let to = SqliteDatabase::at(home.path().join("to.db")).unwrap();
    let dying = Dying {
        inner: to.clone(),
        pages_left: AtomicU32::new(100),
    };
    dying.pages_left.store(6, Ordering::Relaxed);
    copy_by(&from, &dying, 1, |_| {}).await.unwrap_err();
    // Somebody starts a run in the old database, whose tables were copied in part.
    let store = SqliteStore::open(&path).unwrap();
    let earlier = rows_of(&from, "flow_runs").await;
    let id = match &earlier[0][1] {
        store::moving::Cell::Uuid(id) => model::RunId(*id),
        other => panic!("{other:?}"),
    };
    let now = store::contract::cast::at(9);
    store.cancel(id, now).await.unwrap();
    drop(store);
    let refusal = copy(&from, &to, |_| {}).await.unwrap_err();
    let said = refusal.to_string();
    assert!(said.contains("they differ in table `flow_runs`"), "{said}");
    assert!(matches!(
        SqliteStore::open(home.path().join("to.db")),
        Err(StoreError::HalfCopied { .. })
    ));
}

/// Two that copy at once are told, and only one of them goes on.
#[tokio::test]
async fn of_two_that_copy_to_one_place_one_is_told() {
    let home = tempfile::tempdir().unwrap();
    let from = original(&home.path().join("from.db"), 1).await;
    let to = SqliteDatabase::at(home.path().join("to.db")).unwrap();
    let dying = Dying {
        inner: to.clone(),
        pages_left: AtomicU32::new(0),
    };
    copy_by(&from, &dying, 1, |_| {}).await.unwrap_err();
    let table = &TABLES[0];
    let (was, is) = ("what it never was".to_owned(), String::new());
    let refused = to.add_rows(table, Vec::new(), was, is).await;
    let expect = "another process copies to it, too".to_owned();
    assert_eq!(refused, Err(StoreError::Unavailable(expect)));
    copy_by(&from, &to, 1, |_| {}).await.unwrap();
}
