//! How runs come into being and are claimed.

use super::cast::*;
use crate::{Claim, Missing, NewRun, PoolChange, Store, StoreError};
use model::{Grants, PoolName, RunId, State, StateName, StateType, Timestamp, WorkerId};

pub async fn a_new_run_reads_back<S: Store>(cast: Cast<S>) {
    let mut new = new_run("etl");
    new.run.parameters = json(r#"{"day": 1}"#);
    new.run.tags = vec!["a".to_owned(), "b".to_owned()];
    new.run.work_queue = Some("fast".parse().unwrap());
    new.run.parent = Some(RunId::generate());
    new.run.grants = Grants {
        http: vec!["example.org".to_owned()],
        ..Grants::default()
    };
    new.run.state.message = Some("because".to_owned());
    let made = cast.store.create_runs(vec![new.clone()]).await.unwrap();
    let read = cast.run(new.run.id).await;
    // `FlowRun` has no equality; its text shows every field.
    assert_eq!(format!("{read:?}"), format!("{:?}", new.run));
    assert_eq!(format!("{:?}", made[0]), format!("{:?}", new.run));
    assert_eq!(cast.history(new.run.id).await, "Scheduled");
    assert!(
        cast.store
            .flow_run(RunId::generate())
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn runs_come_all_or_none<S: Store>(cast: Cast<S>) {
    let (good, mut bad) = (new_run("etl"), new_run("etl"));
    bad.run.pool = Some(pool("nowhere"));
    let id = good.run.id;
    let result = cast.store.create_runs(vec![good, bad]).await;
    assert_eq!(
        result.unwrap_err(),
        StoreError::NotFound(Missing::Pool(pool("nowhere")))
    );
    assert!(cast.store.flow_run(id).await.unwrap().is_none());

    let twice = new_run("etl");
    refusal(cast.store.create_runs(vec![twice.clone(), twice]).await);
    assert!(cast.claim(9, 0).await.is_empty());
}

pub async fn a_run_that_nobody_could_claim_is_refused<S: Store>(cast: Cast<S>) {
    let mut nowhere = new_run("etl");
    nowhere.run.pool = None;
    assert!(refusal(cast.store.create_runs(vec![nowhere]).await).contains("no work pool"));

    let mut started = new_run("etl");
    started.run.state.kind = StateType::Running;
    refusal(cast.store.create_runs(vec![started]).await);

    let nobody = WorkerId::generate();
    let for_nobody = NewRun {
        reserved_for: Some(nobody),
        ..new_run("etl")
    };
    let result = cast.store.create_runs(vec![for_nobody]).await;
    assert_eq!(
        result.unwrap_err(),
        StoreError::NotFound(Missing::Worker(nobody))
    );
}

pub async fn an_idempotency_key_gives_the_earlier_run<S: Store>(cast: Cast<S>) {
    let keyed = |flow: &str| NewRun {
        idempotency_key: Some("today".to_owned()),
        ..new_run(flow)
    };
    let first = cast.create(keyed("etl")).await;
    let again = cast
        .store
        .create_runs(vec![keyed("etl"), new_run("etl")])
        .await;
    assert_eq!(again.unwrap()[0].id, first);
    // The key is one among the runs of its flow.
    assert_ne!(cast.create(keyed("report")).await, first);

    let found = cast.store.run_by_key(&flow("etl"), "today").await.unwrap();
    assert_eq!(found.map(|run| run.id), Some(first));
    let other = cast
        .store
        .run_by_key(&flow("etl"), "tomorrow")
        .await
        .unwrap();
    assert!(other.is_none());
    assert_eq!(cast.claim(9, 0).await.len(), 3);
}

pub async fn another_request_under_a_key_is_refused<S: Store>(cast: Cast<S>) {
    let keyed = |parameters: &str| {
        let mut new = new_run("etl");
        new.idempotency_key = Some("today".to_owned());
        new.run.parameters = json(parameters);
        new
    };
    let first = cast.create(keyed(r#"{"a":1,"b":[2]}"#)).await;
    let other = keyed(r#"{"a":2,"b":[2]}"#);
    let result = cast.store.create_runs(vec![new_run("etl"), other]).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "the idempotency key `today` is that of flow run {first}, and its parameter `a` is \
             `1`, where `2` is asked for now"
        )
    );
    // All or none.
    assert_eq!(cast.claim(9, 0).await.len(), 1);
    let same = keyed(r#"{"b": [2], "a": 1}"#);
    let again = cast.store.create_runs(vec![same]).await.unwrap();
    assert_eq!(again[0].id, first);
}

pub async fn the_longest_ready_run_goes_first<S: Store>(cast: Cast<S>) {
    let scheduled = |second| {
        let mut new = new_run("etl");
        new.run.scheduled = at(second);
        new
    };
    let late = cast.create(scheduled(20)).await;
    let early = cast.create(scheduled(10)).await;
    let never = cast.create(scheduled(30)).await;
    assert!(cast.claim(9, 9).await.is_empty());
    let order: Vec<_> = cast.claim(9, 29).await.iter().map(|c| c.run.id).collect();
    assert_eq!(order, [early, late]);
    assert_eq!(cast.state(never).await, StateType::Scheduled);
}

pub async fn a_claim_begins_the_first_attempt<S: Store>(cast: Cast<S>) {
    let id = cast.create(new_run("etl")).await;
    let claimed = cast.claim_only(5).await;
    assert_eq!(claimed.run.id, id);
    assert_eq!((claimed.run.attempt, claimed.run.epoch), (1, 1));
    assert_eq!((claimed.lease.epoch, claimed.lease.worker), (1, cast.w1));
    assert_eq!((claimed.journal_len, claimed.logged), (0, 0));
    assert_eq!(claimed.run.state.at, at(5));
    let read = cast.run(id).await;
    assert_eq!(format!("{read:?}"), format!("{:?}", claimed.run));
    assert_eq!(cast.history(id).await, "Scheduled Pending");
}

pub async fn a_run_is_claimed_once<S: Store>(cast: Cast<S>) {
    for _ in 0..3 {
        cast.create(new_run("etl")).await;
    }
    let w2 = cast.hire("w2", 3600).await;
    let (first, second) = tokio::join!(cast.try_claim(cast.w1, 2, 0), cast.try_claim(w2, 2, 0));
    let mut ids: Vec<_> = first
        .unwrap()
        .into_iter()
        .chain(second.unwrap())
        .map(|c| c.run.id)
        .collect();
    assert_eq!(ids.len(), 3);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(cast.claim(9, 0).await.is_empty());
    assert!(cast.claim(0, 0).await.is_empty());
}

pub async fn a_limit_holds_over_all_workers<S: Store>(cast: Cast<S>) {
    cast.limit(2).await;
    for _ in 0..4 {
        cast.create(new_run("etl")).await;
    }
    let w2 = cast.hire("w2", 3600).await;
    let first = cast.claim(1, 0).await;
    assert_eq!(first.len(), 1);
    assert_eq!(cast.try_claim(w2, 9, 0).await.unwrap().len(), 1);
    assert!(cast.claim(9, 0).await.is_empty());
    let used = cast
        .store
        .pool(&PoolName::default_pool())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((used.active, used.ready), (2, 2));

    cast.go_on(first[0].lease, |p| p.states.push(State::running(1, at(1))))
        .await;
    assert!(cast.claim(9, 1).await.is_empty());
    cast.end(first[0].lease, Ok(json("1")), 2).await;
    assert_eq!(cast.claim(9, 2).await.len(), 1);
}

pub async fn a_paused_pool_gives_nothing<S: Store>(cast: Cast<S>) {
    cast.create(new_run("etl")).await;
    let paused = |paused| PoolChange {
        paused: Some(paused),
        ..PoolChange::default()
    };
    cast.change_default_pool(paused(true)).await;
    assert!(cast.claim(9, 0).await.is_empty());
    cast.change_default_pool(paused(false)).await;
    assert_eq!(cast.claim(9, 0).await.len(), 1);
}

pub async fn a_reserved_run_is_outside_its_pool<S: Store>(cast: Cast<S>) {
    cast.limit(1).await;
    let w2 = cast.hire("w2", 3600).await;
    let reserved = cast
        .create(NewRun {
            reserved_for: Some(w2),
            ..new_run("etl")
        })
        .await;
    assert!(cast.claim(9, 0).await.is_empty());
    let only_own = Claim {
        worker: w2,
        pool: None,
        queues: Vec::new(),
        count: 9,
        now: at(0),
    };
    let claimed = cast.store.claim(only_own).await.unwrap();
    assert_eq!(claimed[0].run.id, reserved);
    assert_eq!(claimed[0].run.state.name, StateName::PENDING);
    // It takes none of the pool's slots.
    let other = cast.create(new_run("etl")).await;
    assert_eq!(cast.claim_only(0).await.run.id, other);
}

pub async fn who_is_not_registered_cannot_claim<S: Store>(cast: Cast<S>) {
    let id = cast.create(new_run("etl")).await;
    let nobody = WorkerId::generate();
    let result = cast.try_claim(nobody, 1, 0).await;
    assert_eq!(
        result.unwrap_err(),
        StoreError::NotFound(Missing::Worker(nobody))
    );
    assert_eq!(cast.state(id).await, StateType::Scheduled);

    let nowhere = Claim {
        worker: cast.w1,
        pool: Some(pool("nowhere")),
        queues: Vec::new(),
        count: 1,
        now: Timestamp(0),
    };
    let result = cast.store.claim(nowhere).await;
    assert_eq!(
        result.unwrap_err(),
        StoreError::NotFound(Missing::Pool(pool("nowhere")))
    );
}
