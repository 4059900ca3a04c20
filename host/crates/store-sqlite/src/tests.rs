//! The contract, and what is particular to SQLite.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

mod blocks;
mod claiming;
mod counting;
mod deleting;
mod events;
mod impatient;

use super::sql::Sql as _;
use super::*;
use model::{PoolName, Seq, State, Timestamp, Waits, WorkPool};
use store::contract::cast::{Cast, at, failure, input, json, task};
use store::{
    Catalog as _, Missing, Next, PoolChange, Pools as _, Reading as _, Runs as _, Topic, Wakes as _,
};

async fn new_store() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    (store, dir)
}

store::contract!(new_store);

#[test]
fn whatever_happens_runs_end_as_they_should() {
    store::simulation::whatever_happens_runs_end_as_they_should(store_in_memory);
}

#[test]
fn whoever_stands_in_line_gets_their_turn() {
    store::simulation::everybody_gets_their_turn(300, |clock| {
        let (mut store, dir) = store_in_memory();
        store.clock = clock;
        (store, dir)
    });
}

#[test]
fn whatever_happens_everything_begins_once() {
    store::simulation::everything_begins_once(120, store_in_memory);
}

/// In memory where that can be had: what a power failure leaves is not tested with it.
fn store_in_memory() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    (SqliteStore::open(dir.path().join("orch.db")).unwrap(), dir)
}

#[track_caller]
fn cannot_open(path: &Path) -> StoreError {
    SqliteStore::open(path).err().expect("it cannot be opened")
}

#[test]
fn the_file_is_made_for_its_owner_alone_and_nothing_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("a/orch.db");
    assert!(matches!(
        cannot_open(&missing),
        StoreError::CannotOpen { .. }
    ));
    assert!(!dir.path().join("a").exists());

    let path = dir.path().join("orch.db");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.path(), path);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let (store, dir) = new_store().await;
    let path = store.path().to_owned();
    let pool = WorkPool {
        name: PoolName::new("gpu").unwrap(),
        limit: Some(3),
        paused: false,
        created: Timestamp(1),
    };
    store.create_pool(pool.clone()).await.unwrap();
    drop(store);
    let again = SqliteStore::open(path).unwrap();
    let found = again.pool(&pool.name).await.unwrap().unwrap();
    assert_eq!(found.pool, pool);
    drop(dir);
}

#[test]
fn many_may_open_a_new_database_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("orch.db");
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| SqliteStore::open(path).map(|_| ())))
            .collect();
        for one in opening {
            assert_eq!(one.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orch.db");
    drop(SqliteStore::open(&path).unwrap());
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 1000).unwrap();
    drop(conn);
    match cannot_open(&path) {
        StoreError::NewerVersion { found: 1000, .. } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_database_of_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "a shopping list, and no database".repeat(100)).unwrap();
    let error = cannot_open(&text);
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );

    let other = dir.path().join("other.db");
    let conn = Connection::open(&other).unwrap();
    conn.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(conn);
    let error = cannot_open(&other);
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
}

#[test]
fn a_damaged_header_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orch.db");
    drop(SqliteStore::open(&path).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let error = cannot_open(&path);
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    // Nobody may make files there, root included.
    let error = cannot_open(Path::new("/sys/orch.db"));
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    let dir = tempfile::tempdir().unwrap();
    let error = cannot_open(dir.path());
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bad_write_fails_alone_whether_it_has_written_or_not() {
    let (store, _dir) = new_store().await;
    let add = |name: &'static str, then: StoreResult<()>| {
        store.writer.write(move |tx| {
            tx.run(
                "INSERT INTO pools (name, paused, created) VALUES (?1, 0, 0)",
                [name],
            )?;
            then.clone()
        })
    };
    let broken = Err(StoreError::NotFound(
        Missing::Pool(PoolName::default_pool()),
    ));
    // The first holds the writer until all of the others are queued: so they are one batch.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let gate = store.writer.write(move |_| {
        let _ = wait.recv();
        Ok(())
    });
    let writes = [
        add("one", Ok(())),
        add("two", broken.clone()),
        add("three", Ok(())),
    ];
    let early = store.writer.write({
        let broken = broken.clone();
        move |_| broken.clone()
    });
    drop(go);
    gate.await.unwrap();
    let [one, two, three] = writes;
    assert_eq!(one.await, Ok(()));
    assert_eq!(two.await, broken);
    assert_eq!(three.await, Ok(()));
    assert_eq!(early.await, broken);

    let pools = store.pools().await.unwrap();
    let names: Vec<_> = pools.iter().map(|used| used.pool.name.as_str()).collect();
    assert_eq!(names, ["default-pool", "one", "three"]);
}

#[tokio::test]
async fn the_writer_outlives_a_batch_that_failed() {
    let (store, _dir) = new_store().await;
    // Ends the transaction under the batch, as a full disk does.
    let lost = store.writer.write(|tx| {
        tx.run("ROLLBACK", [])?;
        Err::<(), _>(StoreError::Unavailable("disk full".to_owned()))
    });
    assert!(matches!(lost.await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.writer.write(|_| Ok(7)).await, Ok(7));
}

/// Far more than it takes: it only keeps a failure from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

async fn ring_crosses(path: &Path) {
    // Without the safety net, only the bell can be heard.
    let listening = SqliteStore::open_with(path, None).unwrap();
    let writing = SqliteStore::open_with(path, None).unwrap();
    let pool = PoolName::default_pool();
    for _ in 0..3 {
        let mut listener = listening.listen(Topic::Ready).unwrap();
        writing
            .change_pool(&pool, PoolChange::default())
            .await
            .unwrap();
        tokio::time::timeout(PATIENCE, listener.heard())
            .await
            .expect("the bell is heard");
        drop(listener);
        // Nobody listens any more, and then somebody does again.
        writing
            .change_pool(&pool, PoolChange::default())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_write_of_another_process_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    ring_crosses(&dir.path().join("orch.db")).await;
}

#[tokio::test]
async fn a_long_path_has_a_bell_too() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(90)).join("e".repeat(90));
    std::fs::create_dir_all(&deep).unwrap();
    ring_crosses(&deep.join("orch.db")).await;
}

#[tokio::test]
async fn without_a_bell_the_safety_net_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orch.db");
    let writing = SqliteStore::open(&path).unwrap();
    let listening = SqliteStore::open_with(&path, Some(Duration::from_millis(10))).unwrap();
    let mut listener = listening.listen(Topic::Ready).unwrap();
    // Rings for nobody: this write is nothing that `Ready` tells of.
    writing
        .delete_deployment(&"a/b".parse().unwrap())
        .await
        .unwrap();
    let pool = WorkPool {
        name: PoolName::new("gpu").unwrap(),
        limit: None,
        paused: false,
        created: Timestamp(1),
    };
    writing.create_pool(pool).await.unwrap();
    tokio::time::timeout(PATIENCE, listener.heard())
        .await
        .expect("the change is seen");
}

#[tokio::test]
async fn a_dead_listener_is_tidied_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orch.db");
    let writing = SqliteStore::open_with(&path, None).unwrap();
    let bells = dir.path().join("orch.db.run/bells/ready");
    std::fs::create_dir_all(&bells).unwrap();
    let dead = bells.join("dead");
    drop(std::os::unix::net::UnixDatagram::bind(&dead).unwrap());
    assert!(dead.exists());
    let pool = PoolName::default_pool();
    writing
        .change_pool(&pool, PoolChange::default())
        .await
        .unwrap();
    // The batch after is begun after the ring of the one before.
    writing
        .change_pool(&pool, PoolChange::default())
        .await
        .unwrap();
    assert!(!dead.exists());
}

/// Whoever sleeps until something is due has to know, or a retry would wait for the safety
/// net.
#[tokio::test]
async fn a_wait_that_ends_at_a_time_is_heard_of() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(&dir.path().join("orch.db"), None).unwrap();
    let cast = Cast::on(store).await;
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(task(1))).await;
    let mut listener = cast.store.listen(Topic::Ready).unwrap();
    cast.go_on(lease, |progress| {
        progress.states.push(State::waiting(at(2)));
        progress.next = Next::Wait {
            awaited: vec![Seq(1)],
            count: 1,
            until: Some(at(50)),
            waits: Waits::default(),
        };
    })
    .await;
    tokio::time::timeout(PATIENCE, listener.heard())
        .await
        .expect("it is heard");
}

#[tokio::test]
async fn only_a_claim_is_committed_without_waiting_for_the_disk() {
    let (store, _dir) = new_store().await;
    let synchronous = |tx: &writer::Tx<'_>| -> StoreResult<i64> {
        sql::Sql::need(&**tx, "PRAGMA synchronous", [], |row| row.get(0))
    };
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    // In turn, and back: a setting that only holds the first time would show.
    for _ in 0..2 {
        assert_eq!(store.writer.write(synchronous).await, Ok(FULL));
        assert_eq!(store.writer.write_ahead(synchronous).await, Ok(NORMAL));
    }
    let found = store
        .writer
        .write_ahead_when_ready(7, move |tx| synchronous(tx).map(|it| Some((it, true))));
    assert_eq!(found.await, Ok(NORMAL));
    assert_eq!(store.writer.write(synchronous).await, Ok(FULL));
}

/// Requests of all runs are looked through for a page, so those that are over may not stay.
#[tokio::test]
async fn a_request_is_forgotten_when_it_is_over() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let ask = async |name: &str| {
        let lease = cast.running(name).await;
        cast.go_on(lease, |p| p.entries.push(input(1, "approval", None)))
            .await;
        lease
    };
    let rows = || {
        let count = "SELECT count(*) FROM inputs";
        let found = cast
            .store
            .readers
            .with(|conn| conn.need(count, [], |row| row.get::<_, i64>(0)));
        found.unwrap()
    };
    let (given, failed) = (ask("given").await.run, ask("failed").await);
    assert_eq!(rows(), 2);
    let awaited = cast.store.awaited_inputs(given).await.unwrap();
    let value = json("true");
    let give = cast.store.give_input(given, awaited[0].id, value, at(3));
    give.await.unwrap();
    assert_eq!(rows(), 1);
    cast.end(failed, failure(), 4).await;
    assert_eq!(rows(), 0);
}
