//! Actions on many runs, on a store of SQLite.

extern crate orch_host_operations as operations;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::{RunId, StateType};
use operations::bulk::{self, BulkRefusal};
use operations::control;
use store::contract::{Cast, cast};
use store::{
    BulkAction, BulkActions as _, BulkKind, BulkNext, BulkProgress, BulkRecorded, BulkState,
    BulkTarget, Cursor, PageRequest, Reading as _, RunFilter, Runs as _, Skipped, StoreError,
    Wakes as _,
};
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::sync::watch;

async fn ground() -> (Cast<SqliteStore>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    (Cast::on(store).await, dir)
}

/// So many runs that nobody has claimed.
async fn scheduled(cast: &Cast<SqliteStore>, count: usize) -> Vec<RunId> {
    let new: Vec<_> = (0..count).map(|_| cast::new_run("many")).collect();
    let made = cast.store.create_runs(new).await.unwrap();
    made.into_iter().map(|run| run.id).collect()
}

async fn ask(cast: &Cast<SqliteStore>, kind: BulkKind, target: BulkTarget) -> BulkAction {
    let asked = bulk::ask(&cast.store, kind, target, "ada").await;
    asked.unwrap()
}

async fn as_it_is(cast: &Cast<SqliteStore>, action: &BulkAction) -> BulkAction {
    let found = cast.store.bulk_action(action.asked.id).await.unwrap();
    found.unwrap()
}

/// Does it, and says what became of it: how many were done, and why others were not.
async fn done(cast: &Cast<SqliteStore>, kind: BulkKind, runs: &[RunId]) -> (u64, Vec<Skipped>) {
    let action = ask(cast, kind, BulkTarget::Runs(runs.to_vec())).await;
    assert_eq!(bulk::work(&cast.store, || true).await, Ok(true));
    let action = as_it_is(cast, &action).await;
    assert_eq!(action.state, BulkState::Done);
    let reasons = action.progress.skipped.into_iter();
    let reasons = reasons.flat_map(|(why, left)| vec![why; left.count as usize]);
    (action.progress.done, reasons.collect())
}

#[tokio::test]
async fn what_cannot_be_done_to_a_run_is_told_with_its_reason() {
    let (cast, _dir) = ground().await;
    let failed = cast.running("failed").await;
    cast.end(failed, cast::failure(), 2).await;
    let failed = failed.run;
    let outer = cast.running("outer").await;
    let inner = cast::subflow(outer.run, "inner");
    let inner_id = inner.id;
    cast.go_on(outer, |progress| {
        let begun = store::SubflowChange::Begin(Box::new(inner));
        progress.subflows.push(begun);
    })
    .await;
    let scheduled = scheduled(&cast, 1).await[0];
    let gone = RunId::generate();
    let all = [failed, outer.run, inner_id, scheduled, gone];
    let over = Skipped::Over(StateType::Failed);
    let (subflow, is_gone) = (Skipped::Subflow, Skipped::Gone);

    let paused = done(&cast, BulkKind::Pause, &all).await;
    assert_eq!(paused, (2, vec![over, subflow, is_gone]));
    let paused = done(&cast, BulkKind::Pause, &all[1..4]).await;
    assert_eq!(
        paused,
        (0, vec![Skipped::AlreadySo, Skipped::AlreadySo, subflow])
    );
    let resumed = done(&cast, BulkKind::Resume, &[scheduled, failed]).await;
    let not_paused = Skipped::NotPaused(StateType::Failed);
    assert_eq!(resumed, (1, vec![not_paused]));
    let retry = BulkKind::Retry {
        from_scratch: false,
    };
    let not_over = Skipped::NotOver(StateType::Scheduled);
    let retried = done(&cast, retry, &[scheduled, failed]).await;
    assert_eq!(retried, (1, vec![not_over]));
    assert_eq!(cast.state(failed).await, StateType::Scheduled);
    let deleted = done(&cast, BulkKind::Delete, &[scheduled, inner_id]).await;
    assert_eq!(deleted, (0, vec![not_over, subflow]));
    let cancelled = done(&cast, BulkKind::Cancel, &[scheduled, failed, scheduled]).await;
    assert_eq!(cancelled, (2, vec![]));
    let again = done(&cast, BulkKind::Cancel, &[scheduled]).await;
    assert_eq!(again, (0, vec![Skipped::AlreadySo]));
    let deleted = done(&cast, BulkKind::Delete, &[scheduled, failed, gone]).await;
    assert_eq!(deleted, (2, vec![is_gone]));
    assert!(cast.store.flow_run(scheduled).await.unwrap().is_none());
}

#[tokio::test]
async fn a_run_that_waits_for_input_is_not_resumed() {
    let (cast, _dir) = ground().await;
    let lease = cast.running("asks").await;
    cast.go_on(lease, |p| p.entries.push(cast::input(1, "approval", None)))
        .await;
    cast.wait(lease, &[1], 1).await.unwrap();
    let resumed = done(&cast, BulkKind::Resume, &[lease.run]).await;
    assert_eq!(resumed, (0, vec![Skipped::WaitsForInput]));
}

/// Whoever was killed had done it to a half of its batch.
#[tokio::test]
async fn a_batch_that_was_begun_is_finished_and_counted_whatever_it_does() {
    let kinds = [
        BulkKind::Cancel,
        BulkKind::Pause,
        BulkKind::Resume,
        BulkKind::Retry {
            from_scratch: false,
        },
        BulkKind::Delete,
    ];
    for kind in kinds {
        let (cast, _dir) = ground().await;
        let runs = scheduled(&cast, 6).await;
        let before = match kind {
            BulkKind::Cancel | BulkKind::Pause => None,
            BulkKind::Resume => Some(BulkKind::Pause),
            BulkKind::Retry { .. } | BulkKind::Delete => Some(BulkKind::Cancel),
        };
        if let Some(before) = before {
            assert_eq!(done(&cast, before, &runs).await, (6, vec![]));
        }
        let action = ask(&cast, kind, BulkTarget::Runs(runs.clone())).await;
        let now = cast.store.clock().now();
        let claim = cast.store.claim_bulk_action(now, now).await.unwrap();
        let claim = claim.unwrap();
        let begun = BulkProgress {
            batch: runs.clone(),
            position: 6,
            at_end: true,
            ..BulkProgress::default()
        };
        // Its lease ends at once.
        let next = BulkNext::GoOn { now, until: now };
        let recorded = cast.store.record_bulk_action(claim.lease, &begun, next);
        assert_eq!(recorded.await, Ok(BulkRecorded::GoOn));
        for run in cast.store.flow_runs_by_id(&runs[..3]).await.unwrap() {
            match kind {
                BulkKind::Cancel => drop(control::cancel(&cast.store, &run).await.unwrap()),
                BulkKind::Pause => drop(control::pause(&cast.store, &run).await.unwrap()),
                BulkKind::Resume => drop(control::resume(&cast.store, &run).await.unwrap()),
                BulkKind::Retry { from_scratch } => {
                    drop(
                        control::retry(&cast.store, &run, from_scratch)
                            .await
                            .unwrap(),
                    );
                }
                BulkKind::Delete => control::delete(&cast.store, &run).await.unwrap(),
            }
        }
        assert_eq!(bulk::work(&cast.store, || true).await, Ok(true));
        let end = as_it_is(&cast, &action).await;
        let counts = (end.progress.done, end.progress.skipped());
        assert_eq!((end.state, counts), (BulkState::Done, (6, 0)), "{kind:?}");
    }
}

/// The examples are few, however many there are.
#[tokio::test]
async fn reasons_are_counted_and_some_runs_are_named() {
    let (cast, _dir) = ground().await;
    let missing: Vec<RunId> = (0..40).map(|_| RunId::generate()).collect();
    let action = ask(&cast, BulkKind::Cancel, BulkTarget::Runs(missing.clone())).await;
    assert_eq!(bulk::work(&cast.store, || true).await, Ok(true));
    let action = as_it_is(&cast, &action).await;
    let left = &action.progress.skipped[&Skipped::Gone];
    assert_eq!((left.count, &left.examples[..]), (40, &missing[..5]));
    assert_eq!(action.progress.skipped(), 40);
}

async fn newest(cast: &Cast<SqliteStore>, filter: &RunFilter) -> Cursor {
    let page = cast.store.flow_runs(filter, &PageRequest::newest(1)).await;
    page.unwrap().newest
}

#[tokio::test]
async fn a_filter_reaches_all_that_were_there_and_nothing_later() {
    let (cast, _dir) = ground().await;
    let runs = scheduled(&cast, 1_203).await;
    let other = cast.create(cast::new_run("other")).await;
    let filter = RunFilter {
        flows: vec![cast::flow("many")],
        states: vec![StateType::Scheduled.into()],
        ..RunFilter::default()
    };
    let newest = newest(&cast, &filter).await;
    let later = scheduled(&cast, 2).await;
    let target = BulkTarget::All {
        filter: filter.clone(),
        newest,
    };
    let action = ask(&cast, BulkKind::Cancel, target).await;
    assert_eq!(bulk::work(&cast.store, || true).await, Ok(true));
    let action = as_it_is(&cast, &action).await;
    assert_eq!(action.state, BulkState::Done);
    assert_eq!(
        (action.progress.done, action.progress.skipped()),
        (1_203, 0)
    );
    let states = |ids: Vec<RunId>| {
        let store = &cast.store;
        async move {
            let runs = store.flow_runs_by_id(&ids).await.unwrap();
            let mut states: Vec<_> = runs.iter().map(|run| run.state.kind).collect();
            states.dedup();
            states
        }
    };
    assert_eq!(states(runs).await, [StateType::Cancelled]);
    let left = later.into_iter().chain([other]).collect();
    assert_eq!(states(left).await, [StateType::Scheduled]);
}

#[tokio::test]
async fn another_process_goes_on_where_one_has_stopped() {
    let (cast, _dir) = ground().await;
    let runs = scheduled(&cast, 1_100).await;
    let action = ask(&cast, BulkKind::Pause, BulkTarget::Runs(runs)).await;
    let first_batch_only = || false;
    assert_eq!(bulk::work(&cast.store, first_batch_only).await, Ok(true));
    let so_far = as_it_is(&cast, &action).await;
    assert_eq!(
        (so_far.state, so_far.progress.done),
        (BulkState::Running, 500)
    );
    assert_eq!(bulk::work(&cast.store, || true).await, Ok(true));
    let end = as_it_is(&cast, &action).await;
    assert_eq!((end.state, end.progress.done), (BulkState::Done, 1_100));
    assert_eq!(bulk::work(&cast.store, || true).await, Ok(false));
}

#[tokio::test]
async fn what_is_stopped_ends_after_its_batch() {
    let (cast, _dir) = ground().await;
    let runs = scheduled(&cast, 1_100).await;
    let action = ask(&cast, BulkKind::Pause, BulkTarget::Runs(runs)).await;
    // As long as the first batch lasts, and then as a person stops it.
    let batches = AtomicU32::new(0);
    let one = || batches.fetch_add(1, Ordering::Relaxed) > 0;
    bulk::work(&cast.store, one).await.unwrap();
    let now = cast.store.clock().now();
    let stopped = cast.store.stop_bulk_action(action.asked.id, now).await;
    assert_eq!(stopped.unwrap().unwrap().state, BulkState::Stopped);
    assert_eq!(bulk::work(&cast.store, || true).await, Ok(false));
    let end = as_it_is(&cast, &action).await;
    assert_eq!((end.state, end.progress.done), (BulkState::Stopped, 500));
}

#[tokio::test]
async fn a_run_is_tried_again_once_for_an_action() {
    let (cast, _dir) = ground().await;
    let lease = cast.running("etl").await;
    let retry = BulkKind::Retry {
        from_scratch: false,
    };
    let later = cast.store.clock().now().after(Duration::from_secs(60));
    cast.go_on(lease, |progress| {
        let outcome = cast::failure();
        progress.states.push(model::State::ended(&outcome, later));
        progress.next = store::Next::End { outcome };
    })
    .await;
    let retried = done(&cast, retry, &[lease.run]).await;
    assert_eq!(retried, (0, vec![Skipped::EndedSince]));
}

#[tokio::test]
async fn what_names_nothing_is_refused() {
    let (cast, _dir) = ground().await;
    let refused = |target| bulk::ask(&cast.store, BulkKind::Cancel, target, "ada");
    let none = refused(BulkTarget::Runs(Vec::new())).await;
    assert!(matches!(none, Err(BulkRefusal::NoRuns)), "{none:?}");
    let many = (0..=bulk::GIVEN_MAX).map(|_| RunId::generate()).collect();
    let many = refused(BulkTarget::Runs(many)).await;
    assert!(matches!(many, Err(BulkRefusal::TooMany { given: 10_001 })));
    let all = RunFilter::default();
    let filter = RunFilter {
        tags: vec!["red".to_owned()],
        ..RunFilter::default()
    };
    let newest = newest(&cast, &all).await;
    let strange = refused(BulkTarget::All { filter, newest }).await;
    assert!(matches!(
        strange,
        Err(BulkRefusal::Store(StoreError::StrangeCursor))
    ));
    assert!(cast.store.bulk_actions(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_serves_hears_of_an_action_and_stops_when_told() {
    /// Far more than it takes: it only keeps a failure from hanging.
    const PATIENCE: Duration = Duration::from_secs(60);
    let (cast, _dir) = ground().await;
    let runs = scheduled(&cast, 3).await;
    let (tell, told) = watch::channel(false);
    let store = Arc::new(cast.store.clone());
    let serving = tokio::spawn(bulk::serve(store, told));
    let action = ask(&cast, BulkKind::Cancel, BulkTarget::Runs(runs)).await;
    let until_done = async {
        while as_it_is(&cast, &action).await.state != BulkState::Done {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, until_done).await.unwrap();
    tell.send(true).unwrap();
    let served = tokio::time::timeout(PATIENCE, serving).await.unwrap();
    assert_eq!(served.unwrap(), Ok(()));
}
