//! Queues of a pool, and which run goes first.

use std::time::Duration;

use model::{Claim, FlowRun, Lease, PoolName, Priority, QueueName, RunId, WorkQueue};

use super::cast::{Cast, at, deployment, failure, json, new_run, pool};
use crate::{NewRun, QUEUES_MAX, QueueChange, QueueUse, Store, Topic};

/// Far more than it takes: this only keeps a failure from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why it was refused.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: crate::StoreResult<T>) -> String {
    result.unwrap_err().to_string()
}

fn name(text: &str) -> QueueName {
    text.parse().unwrap()
}

fn priority(number: u8) -> Priority {
    Priority::new(number).unwrap()
}

fn queue(text: &str, first: u8) -> WorkQueue {
    WorkQueue {
        pool: PoolName::default_pool(),
        name: name(text),
        priority: priority(first),
        limit: None,
        paused: false,
        created: at(0),
    }
}

/// A run that is ready since a second.
fn run_in(queue: Option<&str>, first: u8, second: i64) -> NewRun {
    let new = new_run("etl");
    NewRun {
        run: FlowRun {
            work_queue: queue.map(name),
            priority: priority(first),
            scheduled: at(second),
            ..new.run
        },
        ..new
    }
}

async fn claim_of<S: Store>(
    cast: &Cast<S>,
    queues: &[&str],
    count: u32,
    second: i64,
) -> Vec<RunId> {
    let claim = Claim {
        worker: cast.w1,
        pool: Some(PoolName::default_pool()),
        queues: queues.iter().map(|queue| name(queue)).collect(),
        count,
        now: at(second),
    };
    let claimed = cast.store.claim(claim).await.unwrap();
    claimed.into_iter().map(|claimed| claimed.run.id).collect()
}

async fn change<S: Store>(cast: &Cast<S>, queue: &str, change: QueueChange) {
    let pool = PoolName::default_pool();
    let changed = cast.store.change_queue(&pool, &name(queue), change).await;
    changed.unwrap();
}

async fn listed<S: Store>(cast: &Cast<S>) -> Vec<QueueUse> {
    cast.store
        .queues(Some(&PoolName::default_pool()))
        .await
        .unwrap()
}

pub async fn a_pool_has_a_default_queue_and_others_are_created_changed_and_deleted<S: Store>(
    cast: Cast<S>,
) {
    cast.create_pool("gpu").await;
    let gpu = cast.store.queues(Some(&pool("gpu"))).await.unwrap();
    assert_eq!(gpu.len(), 1);
    assert_eq!(gpu[0].queue.name, QueueName::default_queue());
    assert_eq!(gpu[0].queue.priority, Priority::default());

    cast.store.create_queue(queue("urgent", 1)).await.unwrap();
    assert_eq!(
        refused(cast.store.create_queue(queue("urgent", 2)).await),
        "work pool `default-pool` has a queue `urgent` already"
    );
    let nowhere = WorkQueue {
        pool: pool("nowhere"),
        ..queue("urgent", 1)
    };
    assert_eq!(
        refused(cast.store.create_queue(nowhere).await),
        "work pool `nowhere` does not exist"
    );
    let names: Vec<_> = listed(&cast)
        .await
        .into_iter()
        .map(|it| it.queue.name)
        .collect();
    assert_eq!(names, [name("urgent"), name("default")]);
    assert_eq!(cast.store.queues(None).await.unwrap().len(), 3);

    let last = QueueChange {
        priority: Some(Priority::LAST),
        paused: Some(true),
        limit: Some(Some(2)),
    };
    change(&cast, "urgent", last).await;
    change(&cast, "urgent", QueueChange::default()).await;
    let changed = listed(&cast).await.pop().unwrap().queue;
    assert_eq!(
        (
            changed.name,
            changed.priority,
            changed.paused,
            changed.limit
        ),
        (name("urgent"), Priority::LAST, true, Some(2))
    );
    let default_pool = PoolName::default_pool();
    cast.store
        .delete_queue(&default_pool, &name("urgent"))
        .await
        .unwrap();
    assert_eq!(
        refused(
            cast.store
                .delete_queue(&default_pool, &name("urgent"))
                .await
        ),
        "queue `urgent` of work pool `default-pool` does not exist"
    );
    cast.store.delete_pool(&pool("gpu")).await.unwrap();
    assert_eq!(cast.store.queues(None).await.unwrap().len(), 1);
}

pub async fn a_pool_has_so_many_queues_at_most<S: Store>(cast: Cast<S>) {
    for at in 1..QUEUES_MAX {
        cast.store
            .create_queue(queue(&format!("q{at}"), 50))
            .await
            .unwrap();
    }
    assert_eq!(
        refused(cast.store.create_queue(queue("more", 50)).await),
        "work pool `default-pool` has 100 queues, as many as it may"
    );
}

pub async fn a_worker_may_take_runs_of_some_queues_only<S: Store>(cast: Cast<S>) {
    cast.store.create_queue(queue("fast", 50)).await.unwrap();
    let plain = cast.create(run_in(None, 50, 0)).await;
    let fast = cast.create(run_in(Some("fast"), 50, 0)).await;
    assert!(claim_of(&cast, &["slow"], 9, 0).await.is_empty());
    assert_eq!(claim_of(&cast, &["slow", "fast"], 9, 0).await, [fast]);
    assert_eq!(claim_of(&cast, &["default"], 9, 0).await, [plain]);
    let run = cast.run(fast).await;
    assert_eq!(
        (run.work_queue, run.priority),
        (Some(name("fast")), priority(50))
    );
}

pub async fn runs_go_by_the_priority_of_their_queue_and_their_own<S: Store>(cast: Cast<S>) {
    cast.store.create_queue(queue("urgent", 1)).await.unwrap();
    let late = cast.create(run_in(None, 50, 2)).await;
    let early = cast.create(run_in(None, 50, 1)).await;
    let first = cast.create(run_in(None, 49, 3)).await;
    let urgent = cast.create(run_in(Some("urgent"), 100, 4)).await;
    // What is not due yet does not count, whatever its priority.
    let planned = cast.create(run_in(Some("urgent"), 1, 60)).await;
    let mut order = Vec::new();
    for _ in 0..4 {
        order.append(&mut claim_of(&cast, &[], 1, 5).await);
    }
    assert_eq!(order, [urgent, first, early, late]);
    assert!(claim_of(&cast, &[], 9, 5).await.is_empty());
    assert_eq!(
        cast.store.next_due(None, at(5)).await.unwrap(),
        Some(at(60))
    );
    assert_eq!(claim_of(&cast, &[], 9, 60).await, [planned]);
}

pub async fn every_tenth_start_is_for_the_run_that_has_waited_longest<S: Store>(cast: Cast<S>) {
    cast.store.create_queue(queue("urgent", 1)).await.unwrap();
    let waiting = cast.create(run_in(None, 100, 0)).await;
    for _ in 0..30 {
        cast.create(run_in(Some("urgent"), 1, 1)).await;
    }
    let mut starts = 0;
    loop {
        starts += 1;
        let claimed = claim_of(&cast, &[], 1, 2).await;
        if claimed == [waiting] {
            break;
        }
        assert!(starts < 10, "it starves");
    }
    assert_eq!(starts, 10);
}

pub async fn a_paused_queue_gives_nothing_and_a_limit_holds<S: Store>(cast: Cast<S>) {
    let limited = WorkQueue {
        limit: Some(2),
        ..queue("few", 1)
    };
    cast.store.create_queue(limited).await.unwrap();
    for _ in 0..4 {
        cast.create(run_in(Some("few"), 50, 0)).await;
    }
    let other = cast.create(run_in(None, 50, 0)).await;
    let paused = |paused| QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    change(&cast, "few", paused(true)).await;
    assert_eq!(claim_of(&cast, &[], 9, 0).await, [other]);
    assert!(claim_of(&cast, &[], 9, 0).await.is_empty());
    change(&cast, "few", paused(false)).await;
    let claimed = cast.claim(9, 0).await;
    assert_eq!(claimed.len(), 2);
    assert!(cast.claim(9, 0).await.is_empty());
    let few = listed(&cast).await.remove(0);
    assert_eq!((few.active, few.ready, few.oldest), (2, 2, Some(at(0))));

    // Who ends gives its slot, and workers hear of it.
    let mut ready = cast.store.listen(Topic::Ready).unwrap();
    let lease = claimed[0].lease;
    go(&cast, lease).await;
    cast.end(lease, Ok(json("1")), 3).await;
    tokio::time::timeout(PATIENCE, ready.heard()).await.unwrap();
    assert_eq!(cast.claim(9, 0).await.len(), 1);
    assert!(cast.claim(9, 0).await.is_empty());
}

async fn go<S: Store>(cast: &Cast<S>, lease: Lease) {
    cast.go_on(lease, |progress| {
        progress.states.push(model::State::running(1, at(1)));
    })
    .await;
}

pub async fn a_queue_in_use_stays_and_what_was_in_one_that_is_gone_is_in_the_default<S: Store>(
    cast: Cast<S>,
) {
    let default_pool = PoolName::default_pool();
    cast.store.create_queue(queue("old", 50)).await.unwrap();
    let id = cast.create(run_in(Some("old"), 50, 0)).await;
    let of_old = model::Deployment {
        work_queue: Some(name("old")),
        priority: Some(priority(7)),
        ..deployment("etl/nightly")
    };
    let bytes = b"wasm".to_vec();
    cast.store
        .put_component(super::cast::component(&bytes), bytes)
        .await
        .unwrap();
    cast.store.deploy(vec![of_old.clone()]).await.unwrap();
    let kept = cast.store.deployment(&of_old.name).await.unwrap().unwrap();
    assert_eq!(
        (kept.work_queue, kept.priority),
        (Some(name("old")), Some(priority(7)))
    );
    let elsewhere = model::Deployment {
        work_queue: Some(name("nowhere")),
        ..of_old.clone()
    };
    assert_eq!(
        refused(cast.store.deploy(vec![elsewhere]).await),
        "queue `nowhere` of work pool `default-pool` does not exist"
    );
    assert_eq!(
        refused(cast.store.delete_queue(&default_pool, &name("old")).await),
        "work queue `old` of `default-pool` is still used by 1 deployment and 1 unfinished run"
    );
    cast.store.delete_deployment(&of_old.name).await.unwrap();
    let lease = cast.claim_only(0).await.lease;
    go(&cast, lease).await;
    cast.end(lease, failure(), 3).await;
    cast.store
        .delete_queue(&default_pool, &name("old"))
        .await
        .unwrap();

    // A queue that is made later is another one.
    cast.store.create_queue(queue("new", 1)).await.unwrap();
    cast.store.retry(id, false, at(4)).await.unwrap();
    assert!(claim_of(&cast, &["new"], 9, 5).await.is_empty());
    assert_eq!(claim_of(&cast, &["default"], 9, 5).await, [id]);
    // Who asks for one that is gone is not refused: it was checked before.
    let id = cast.create(run_in(Some("old"), 50, 0)).await;
    assert_eq!(claim_of(&cast, &["default"], 9, 5).await, [id]);
}
