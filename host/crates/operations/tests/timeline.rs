//! What a timeline is drawn from, on a store of SQLite.

extern crate orch_host_operations as operations;

use model::{Failure, FailureKind, State};
use operations::timeline::{Wish, read, timeline};
use operations::view::TimelineView;
use store::contract::cast::{self, at};
use store::contract::{Cast, cast::timer};
use store::{Next, Reading as _, Runs as _};
use store_sqlite::SqliteStore;

/// Its number is that of the attempt to come, whose journal is empty: what failed is drawn all
/// the same, for as long as the retry is awaited.
#[tokio::test]
async fn a_run_that_awaits_its_retry_shows_the_attempt_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let cast = Cast::on(SqliteStore::open(dir.path().join("orch.db")).unwrap()).await;
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| {
        p.entries = vec![timer(1, 5), cast::input(2, "approval", None)];
    })
    .await;
    cast.store.settle_due(at(5), 9).await.unwrap();
    cast.go_on(lease, |p| {
        p.states.push(State::awaiting_retry(at(6)));
        p.next = Next::Release {
            at: at(3600),
            failed: Some(Failure::new(FailureKind::Error, "no route")),
        };
    })
    .await;

    let drawn = async |attempt| {
        let run = cast.store.flow_run(lease.run).await.unwrap().unwrap();
        let wish = Wish {
            attempt,
            ..Wish::default()
        };
        let story = read(&cast.store, run, &wish).await.unwrap();
        TimelineView::from(timeline(&story, &wish))
    };
    let names = |view: &TimelineView| -> Vec<String> {
        let rows = view.rows.iter().skip(1);
        rows.map(|row| format!("{} {}", row.kind, row.name))
            .collect()
    };
    let view = drawn(None).await;
    assert_eq!(view.attempt, 1);
    assert_eq!(
        names(&view),
        ["timer timer of 1ms", "input input `approval`"]
    );
    let why = |view: &TimelineView| {
        let segments = view.rows[0].segments.iter();
        segments.filter_map(|it| it.why.clone()).collect::<Vec<_>>()
    };
    assert_eq!(why(&view), ["no route"]);
    assert_eq!(names(&drawn(Some(1)).await), names(&view));
}
