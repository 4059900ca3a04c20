//! Actions on many runs, and who works on them.

use super::cast::*;
use crate::{
    BulkAsked, BulkId, BulkKind, BulkNext, BulkProgress, BulkRecorded, BulkState, BulkTarget,
    Cursor, RunFilter, Skipped, Store,
};
use model::{RunId, StateType};
use uuid::Uuid;

fn asked(kind: BulkKind, target: BulkTarget) -> BulkAsked {
    BulkAsked {
        id: BulkId(Uuid::now_v7()),
        kind,
        target,
        at: at(0),
        by: "ada".to_owned(),
    }
}

fn some_runs() -> BulkTarget {
    BulkTarget::Runs(vec![RunId::generate()])
}

pub async fn an_action_reads_back<S: Store>(cast: Cast<S>) {
    let filter = RunFilter {
        states: vec![StateType::Failed.into(), "Late".parse().unwrap()],
        flows: vec![flow("etl")],
        deployments: vec!["etl/etl-deployment".parse().unwrap()],
        pools: vec![pool("default-pool")],
        tags: vec!["red".to_owned()],
        parent: Some(RunId::generate()),
        since: Some(at(1)),
        until: Some(at(2)),
        text: Some("x".to_owned()),
    };
    let newest = Cursor::new(filter.fingerprint(), 7);
    let all = BulkTarget::All { filter, newest };
    let first = asked(BulkKind::Retry { from_scratch: true }, all);
    let second = asked(BulkKind::Delete, some_runs());
    for asked in [&first, &second] {
        cast.store.add_bulk_action(asked.clone()).await.unwrap();
    }
    let found = cast.store.bulk_action(first.id).await.unwrap().unwrap();
    assert_eq!(found.asked, first);
    assert_eq!(found.state, BulkState::Running);
    assert_eq!(found.progress, BulkProgress::default());
    let strange = BulkId(Uuid::now_v7());
    assert_eq!(cast.store.bulk_action(strange).await, Ok(None));
    let listed = cast.store.bulk_actions(9).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|action| action.asked).collect();
    assert_eq!(listed, [second.clone(), first]);
    let listed = cast.store.bulk_actions(1).await.unwrap();
    assert_eq!(listed[0].asked, second);
}

pub async fn an_action_is_worked_on_by_one<S: Store>(cast: Cast<S>) {
    let claim = |now: i64| cast.store.claim_bulk_action(at(now), at(now + 30));
    assert_eq!(claim(0).await, Ok(None));
    let first = asked(BulkKind::Cancel, some_runs());
    let second = asked(BulkKind::Pause, some_runs());
    for asked in [&first, &second] {
        cast.store.add_bulk_action(asked.clone()).await.unwrap();
    }
    let one = claim(1).await.unwrap().unwrap();
    assert_eq!(one.action.asked, first);
    let two = claim(2).await.unwrap().unwrap();
    assert_eq!(two.action.asked, second);
    assert_eq!(claim(3).await, Ok(None));

    let mut progress = BulkProgress {
        done: 3,
        position: 5,
        searched_to: Some(at(1)),
        ..BulkProgress::default()
    };
    progress.skip(RunId::generate(), Skipped::Over(StateType::Failed));
    progress.skip(RunId::generate(), Skipped::Gone);
    let go_on = |now: i64| BulkNext::GoOn {
        now: at(now),
        until: at(now + 30),
    };
    let record = |lease, next| cast.store.record_bulk_action(lease, &progress, next);
    assert_eq!(record(one.lease, go_on(20)).await, Ok(BulkRecorded::GoOn));
    let found = cast.store.bulk_action(first.id).await.unwrap().unwrap();
    assert_eq!((&found.progress, found.at), (&progress, at(20)));

    // Who does not record in time loses it, with what was recorded.
    let again = claim(33).await.unwrap().unwrap();
    assert_eq!(again.action.asked, second);
    assert_eq!(record(two.lease, go_on(34)).await, Ok(BulkRecorded::Lost));
    let found = cast.store.bulk_action(second.id).await.unwrap().unwrap();
    assert_eq!(found.progress, BulkProgress::default());

    let end = BulkNext::End { now: at(40) };
    assert_eq!(record(one.lease, end).await, Ok(BulkRecorded::Over));
    let found = cast.store.bulk_action(first.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.at), (BulkState::Done, at(40)));
    assert_eq!(claim(50).await, Ok(None));
    // What goes on until now is for whoever comes.
    let handed_over = BulkNext::GoOn {
        now: at(41),
        until: at(41),
    };
    let recorded = record(again.lease, handed_over).await;
    assert_eq!(recorded, Ok(BulkRecorded::GoOn));
    let goes_on = claim(41).await.unwrap().unwrap();
    assert_eq!(goes_on.action.progress, progress);
}

pub async fn an_action_is_stopped<S: Store>(cast: Cast<S>) {
    let stop = |id, now: i64| cast.store.stop_bulk_action(id, at(now));
    assert_eq!(stop(BulkId(Uuid::now_v7()), 1).await, Ok(None));
    let asked = asked(BulkKind::Cancel, some_runs());
    cast.store.add_bulk_action(asked.clone()).await.unwrap();
    let claim = cast.store.claim_bulk_action(at(1), at(31)).await;
    let lease = claim.unwrap().unwrap().lease;
    let stopped = stop(asked.id, 2).await.unwrap().unwrap();
    assert_eq!((stopped.state, stopped.at), (BulkState::Stopped, at(2)));
    // What was under way is recorded, and nothing more is done.
    let progress = BulkProgress {
        done: 500,
        ..BulkProgress::default()
    };
    for next in [
        BulkNext::GoOn {
            now: at(3),
            until: at(33),
        },
        BulkNext::End { now: at(4) },
    ] {
        let recorded = cast.store.record_bulk_action(lease, &progress, next).await;
        assert_eq!(recorded, Ok(BulkRecorded::Over));
    }
    let found = cast.store.bulk_action(asked.id).await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.progress.done),
        (BulkState::Stopped, 500)
    );
    assert_eq!(
        cast.store.claim_bulk_action(at(99), at(100)).await,
        Ok(None)
    );
}
