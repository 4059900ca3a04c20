//! Listings pass over blocks of runs that have nothing of what is wanted.

use std::time::Duration;

use super::super::SqliteStore;
use super::super::listing::Patience;
use super::super::{blocks, sql::Sql as _};
use model::RunId;
use orchestrator::lifecycle::OriginKey;
use store::contract::cast::{Cast, at, flow, new_run};
use store::{NewRun, PageRequest, Reading as _, RunFilter, Runs as _};

/// More than three blocks: of `etl`, then of `load` with one of `rare`, then of `etl`. Created a
/// second apart.
async fn runs() -> (Cast<SqliteStore>, RunId, tempfile::TempDir) {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let mut store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    store.patience = Patience {
        time: Duration::ZERO,
        chunk: 1024,
    };
    let cast = Cast::on(store).await;
    let of = |no: i64| {
        let name = match no {
            1_500 => "rare",
            1_024..2_048 => "load",
            _ => "etl",
        };
        let mut new = new_run(name);
        new.run.created = at(no);
        new
    };
    let all: Vec<NewRun> = (1..3_100).map(of).collect();
    let rare = all[1_499].run.id;
    for some in all.chunks(500) {
        cast.store.create_runs(some.to_vec()).await.unwrap();
    }
    (cast, rare, dir)
}

#[tokio::test]
async fn only_blocks_that_may_have_some_are_looked_through() {
    let (cast, _, _dir) = runs().await;
    let ranges = |origins: Option<Vec<i64>>, since: Option<i64>, until: Option<i64>| {
        let wanted = blocks::Wanted {
            origins: origins.map(|all| all.into_iter().map(OriginKey).collect()),
            since: since.map(at),
            until: until.map(at),
        };
        let newest = 3_099;
        cast.store
            .readers
            .with(|conn| blocks::ranges(conn, &wanted, newest))
            .unwrap()
    };
    assert_eq!(ranges(None, None, None), [(1, 3_099)]);
    // The last block is not summed up, so it may have anything.
    let (etl, load, rare) = (1, 2, 3);
    assert_eq!(
        ranges(Some(vec![etl]), None, None),
        [(1, 1_023), (2_048, 3_099)]
    );
    assert_eq!(
        ranges(Some(vec![rare]), None, None),
        [(1_024, 2_047), (3_072, 3_099)]
    );
    assert_eq!(ranges(Some(vec![load, etl]), None, None), [(1, 3_099)]);
    assert_eq!(ranges(Some(vec![]), None, None), [(3_072, 3_099)]);
    assert_eq!(ranges(None, Some(2_047), None), [(1_024, 3_099)]);
    assert_eq!(ranges(None, Some(2_048), None), [(2_048, 3_099)]);
    assert_eq!(
        ranges(None, None, Some(1_024)),
        [(1, 1_023), (3_072, 3_099)]
    );
    let both = ranges(Some(vec![etl]), Some(1_100), Some(2_000));
    assert_eq!(both, [(3_072, 3_099)]);

    // Where nothing is known of a block, it is looked through.
    let forget = |tx: &super::writer::Tx<'_>| tx.run("DELETE FROM run_blocks WHERE no = 1", []);
    cast.store.writer.write(forget).await.unwrap();
    assert_eq!(ranges(Some(vec![etl]), None, None), [(1, 3_099)]);
    assert_eq!(
        ranges(Some(vec![rare]), None, None),
        [(1_024, 2_047), (3_072, 3_099)]
    );
}

#[tokio::test]
async fn what_is_rare_is_found_without_looking_through_all() {
    let (cast, rare, _dir) = runs().await;
    let filter = RunFilter {
        flows: vec![flow("rare")],
        ..RunFilter::default()
    };
    let mut request = PageRequest::newest(1_000);
    let mut pages = 0;
    let mut found = Vec::new();
    loop {
        let page = cast.store.flow_runs(&filter, &request).await.unwrap();
        found.extend(page.items.iter().map(|run| run.id));
        pages += 1;
        request.from = page.next;
        if request.from.is_none() {
            break;
        }
    }
    assert_eq!(found, [rare]);
    // A page is one chunk, of the block that is not summed up, or of that with the run.
    assert!(pages < 4, "{pages} pages");

    let filter = RunFilter {
        since: Some(at(1_020)),
        until: Some(at(1_030)),
        ..RunFilter::default()
    };
    let found = cast.store.newest_flow_runs(&filter, 0).await.unwrap();
    assert_eq!(found.len(), 10);
    assert_eq!(found[0].created, at(1_029));
}

#[tokio::test]
async fn the_latest_ends_are_found_in_their_blocks() {
    let (mut cast, rare, _dir) = runs().await;
    cast.store.patience = Patience::default();
    let etl = cast.store.newest_flow_runs(&RunFilter::default(), 1).await;
    let etl = etl.unwrap()[0].id;
    for run in [rare, etl] {
        cast.store.cancel(run, at(4_000)).await.unwrap();
    }
    let names = ["rare/rare-deployment", "etl/etl-deployment"];
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    // Far more than it takes; the time is not what is tested.
    cast.store.patience.time = Duration::from_secs(60);
    let latest = cast.store.latest_ends(&names, 20).await.unwrap();
    assert!(!latest.may_have_more);
    let runs = latest.of.iter().map(|ends| {
        let runs = ends.iter().map(|end| end.run);
        runs.collect::<Vec<_>>()
    });
    assert_eq!(runs.collect::<Vec<_>>(), [[rare], [etl]]);
}
