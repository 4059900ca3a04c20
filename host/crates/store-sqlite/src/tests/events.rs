//! What is particular to the stream of events in SQLite: many writers of one file, batches
//! that are done again, what a power failure leaves, and giving up the oldest.

use std::path::Path;

use super::super::SqliteStore;
use super::super::sql::{Sql as _, params};
use super::new_store;
use model::{Event, EventCursor, PlacedEvent, PoolName, WorkPool};
use store::changes::VERSION;
use store::contract::Cast;
use store::contract::cast::{at, new_run, pool};
use store::contract::events::read;
use store::{EventPage, Events as _, Missing, Pools as _, Runs as _, StoreError, StoreResult};

fn pool_names(events: &[PlacedEvent]) -> Vec<String> {
    let name = |placed: &PlacedEvent| match &placed.event {
        Event::Pool { name, .. } => Some(name.to_string()),
        _ => None,
    };
    events.iter().filter_map(name).collect()
}

fn named(name: &str) -> WorkPool {
    WorkPool {
        name: pool(name),
        limit: None,
        paused: false,
        created: at(0),
    }
}

#[tokio::test]
async fn several_stores_of_a_file_have_one_order() {
    let (one, _dir) = new_store().await;
    let stores: Vec<_> = (0..4)
        .map(|_| SqliteStore::open(one.path()).unwrap())
        .collect();
    let from = one.newest_event().await.unwrap();
    let writing = stores.iter().enumerate().map(|(n, store)| {
        let store = store.clone();
        tokio::spawn(async move {
            for m in 0..20 {
                store
                    .create_pool(named(&format!("pool-{n}-{m}")))
                    .await
                    .unwrap();
            }
        })
    });
    for done in writing.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    let all = read(&one, from, 1000).await;
    for (store, page) in stores.iter().zip([1, 2, 3, 1000]) {
        assert_eq!(read(store, from, page).await, all);
    }
    let mut names = pool_names(&all);
    for n in 0..4 {
        let own = format!("pool-{n}-");
        let own: Vec<_> = names.iter().filter(|name| name.starts_with(&own)).collect();
        let expect: Vec<_> = (0..20).map(|m| format!("pool-{n}-{m}")).collect();
        assert!(own.iter().eq(&expect.iter().collect::<Vec<_>>()), "{own:?}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 80);
}

/// Creates a pool, and then does as it is told.
fn add(
    store: &SqliteStore,
    name: &'static str,
    then: StoreResult<()>,
) -> impl Future<Output = StoreResult<()>> + use<> {
    store.writer.write(move |tx| {
        super::super::pools::create(tx, &named(name))?;
        then.clone()
    })
}

#[tokio::test]
async fn a_batch_that_is_done_again_is_told_of_once() {
    let (store, _dir) = new_store().await;
    let from = store.newest_event().await.unwrap();
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
        add(&store, "one", Ok(())),
        add(&store, "two", broken.clone()),
        add(&store, "three", Ok(())),
    ];
    drop(go);
    gate.await.unwrap();
    let [one, two, three] = writes;
    assert_eq!(
        (one.await, two.await, three.await),
        (Ok(()), broken, Ok(()))
    );
    let events = read(&store, from, 9).await;
    assert_eq!(pool_names(&events), ["one", "three"]);
}

#[tokio::test]
async fn a_commit_that_fails_is_not_told_of() {
    let (store, _dir) = new_store().await;
    let from = store.newest_event().await.unwrap();
    // Ends the transaction under the batch, as a full disk does.
    let lost = store.writer.write(|tx| {
        super::super::pools::create(tx, &named("lost"))?;
        tx.run("ROLLBACK", [])?;
        Err::<(), _>(StoreError::Unavailable("disk full".to_owned()))
    });
    assert!(lost.await.is_err());
    add(&store, "kept", Ok(())).await.unwrap();
    assert_eq!(pool_names(&read(&store, from, 9).await), ["kept"]);
}

/// A commit is one row, unless that would not fit into a page.
#[tokio::test]
async fn a_row_is_never_long() {
    let (store, _dir) = new_store().await;
    let rows = |from: EventCursor| {
        let rows = store.readers.with(|conn| {
            conn.all(
                "SELECT length(changes) FROM events WHERE no > ?1",
                [from.row],
                |row| row.get::<_, i64>(0),
            )
        });
        rows.unwrap()
    };
    let from = store.newest_event().await.unwrap();
    store
        .create_runs((0..5).map(|_| new_run("etl")).collect())
        .await
        .unwrap();
    assert_eq!(rows(from).len(), 1);

    let from = store.newest_event().await.unwrap();
    let runs: Vec<_> = (0..500)
        .map(|n| new_run(["etl", "load"][n / 7 % 2]))
        .collect();
    let expect: Vec<_> = runs
        .iter()
        .map(|new| (new.run.id, new.run.flow.clone()))
        .collect();
    store.create_runs(runs).await.unwrap();
    let rows = rows(from);
    assert!(
        rows.len() > 3 && rows.iter().all(|len| *len < 4000),
        "{rows:?}"
    );
    for page in [1, 64, 1000] {
        let events = read(&store, from, page).await;
        let created = events.into_iter().map(|placed| match placed.event {
            Event::FlowRun(it) => (it.run, it.created.unwrap().flow.clone()),
            other => panic!("{other:?}"),
        });
        assert!(created.eq(expect.iter().cloned()), "pages of {page}");
    }
}

/// As after an update of this program: who is before such a row begins anew, who is after it
/// goes on.
#[tokio::test]
async fn a_row_of_another_form_is_too_old() {
    let (store, _dir) = new_store().await;
    let before = store.newest_event().await.unwrap();
    // The row that the database begins with says nothing.
    assert_eq!(read(&store, EventCursor::OLDEST, 9).await, []);
    add(&store, "older", Ok(())).await.unwrap();
    let after = store.newest_event().await.unwrap();
    store
        .writer
        .write(move |tx| {
            tx.run(
                "UPDATE events SET changes = CAST(x'01' || substr(changes, 2) AS BLOB) WHERE no = ?1",
                [after.row],
            )
        })
        .await
        .unwrap();
    add(&store, "newer", Ok(())).await.unwrap();
    for place in [EventCursor::OLDEST, before] {
        assert_eq!(store.events(place, 9).await, Ok(EventPage::TooOld));
    }
    assert_eq!(pool_names(&read(&store, after, 9).await), ["newer"]);
    // Back, it ends before that row.
    let back = store.events_before(None, 9).await;
    let Ok(EventPage::Events { events, .. }) = back else {
        panic!("{back:?}");
    };
    assert_eq!(pool_names(&events), ["newer"]);
}

fn copy(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let name = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(name(from), name(to)).unwrap();
    }
}

/// A claim is not synced, so a power failure may take it after somebody has read of it. What
/// comes then has the same number, but whoever has read of the claim is not led past it.
#[tokio::test]
async fn a_cursor_to_what_a_power_failure_took_is_too_old() {
    let (store, dir) = new_store().await;
    let cast = Cast::on(store).await;
    cast.create(new_run("etl")).await;
    let safe = cast.store.newest_event().await.unwrap();
    // What is on the disk.
    let left = dir.path().join("left.db");
    copy(cast.store.path(), &left);
    cast.claim_only(1).await;
    let lost = cast.store.newest_event().await.unwrap();
    assert_eq!(lost.row, safe.row + 1);

    let store = SqliteStore::open(&left).unwrap();
    assert_eq!(store.newest_event().await, Ok(safe));
    assert_eq!(store.events(lost, 9).await, Ok(EventPage::TooOld));
    add(&store, "one", Ok(())).await.unwrap();
    assert_eq!(store.newest_event().await.unwrap().row, lost.row);
    assert_eq!(store.events(lost, 9).await, Ok(EventPage::TooOld));
    add(&store, "two", Ok(())).await.unwrap();
    assert_eq!(store.events(lost, 9).await, Ok(EventPage::TooOld));
    assert_eq!(pool_names(&read(&store, safe, 9).await), ["one", "two"]);
}

#[tokio::test]
async fn the_oldest_are_given_up_and_the_newest_stay() {
    const BYTES_MAX: u64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orch.db");
    let store = SqliteStore::open_keeping(&path, None, BYTES_MAX).unwrap();
    let first = store.newest_event().await.unwrap();
    let mut cursors = vec![first];
    for _ in 0..30 {
        let runs = (0..20).map(|_| new_run("etl")).collect();
        store.create_runs(runs).await.unwrap();
        cursors.push(store.newest_event().await.unwrap());
    }
    assert_eq!(store.events(first, 9).await, Ok(EventPage::TooOld));
    let kept = store
        .readers
        .with(|conn| {
            conn.need("SELECT sum(length(changes)) FROM events", [], |row| {
                row.get::<_, i64>(0)
            })
        })
        .unwrap() as u64;
    assert!((BYTES_MAX / 2..BYTES_MAX * 3 / 2).contains(&kept), "{kept}");
    // What can be followed from is followed to the end.
    let all = read(&store, EventCursor::OLDEST, 1000).await;
    let known: Vec<_> = cursors
        .iter()
        .filter(|cursor| cursor.row >= all[0].cursor.row)
        .collect();
    assert!(
        known.len() > 2 && known.len() < cursors.len(),
        "{}",
        known.len()
    );
    for cursor in known {
        let rest = read(&store, *cursor, 1000).await;
        assert!(all.ends_with(&rest));
        assert_eq!(rest.len() % 20, 0);
    }
    // However little may be kept, the newest row stays: numbers are never given twice.
    let store = SqliteStore::open_keeping(&path, None, 0).unwrap();
    let before = store.newest_event().await.unwrap();
    add(&store, "one", Ok(())).await.unwrap();
    add(&store, "two", Ok(())).await.unwrap();
    let newest = store.newest_event().await.unwrap();
    assert_eq!(newest.row, before.row + 2);
}

#[tokio::test]
async fn what_a_later_version_adds_is_passed_over() {
    let (store, _dir) = new_store().await;
    let from = store.newest_event().await.unwrap();
    // A version, and one change of two bytes of a kind that does not exist.
    let strange: [u8; 5] = [VERSION, 2, 0, 99, 7];
    let insert = store.writer.write(move |tx| {
        tx.run(
            "INSERT INTO events (at, tag, total, changes)
             SELECT 0, 7, total + 5, ?1 FROM events ORDER BY no DESC LIMIT 1",
            params![&strange[..]],
        )?;
        Ok(())
    });
    insert.await.unwrap();
    add(&store, "one", Ok(())).await.unwrap();
    for page in [1, 2] {
        assert_eq!(pool_names(&read(&store, from, page).await), ["one"]);
    }
}
