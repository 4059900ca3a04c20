//! Calls that settle, and runs that wait for them.

use super::cast::*;
use crate::{NewRun, Next, Recorded, Store, StoreError};
use model::{Lease, PoolName, RunId, Seq, Settlement, State, StateName, StateType, Waits};

/// A run, and children it has started: calls 1 to `count`.
async fn parent_of<S: Store>(cast: &Cast<S>, count: u64) -> (Lease, Vec<Lease>) {
    let parent = cast.running("etl").await;
    let children: Vec<NewRun> = (0..count).map(|_| new_run("load")).collect();
    cast.go_on(parent, |progress| {
        progress.entries = (1..)
            .zip(&children)
            .map(|(seq, child)| start(seq, &child.run))
            .collect();
        progress.children = children.clone();
    })
    .await;
    let claimed = cast.claim(100, 1).await;
    let mut leases = Vec::new();
    for child in &children {
        let claimed = claimed
            .iter()
            .find(|claimed| claimed.run.id == child.run.id);
        let lease = claimed.expect("every child is ready").lease;
        cast.go_on(lease, |p| p.states.push(State::running(1, at(1))))
            .await;
        leases.push(lease);
    }
    (parent, leases)
}

pub async fn a_wait_for_all_ends_with_the_last<S: Store>(cast: Cast<S>) {
    let (parent, children) = parent_of(&cast, 3).await;
    assert_eq!(cast.wait(parent, &[1, 2, 3], 3).await, Ok(Recorded::Done));
    assert_eq!(cast.state(parent.run).await, StateType::Waiting);
    cast.end(children[1], Ok(json("2")), 5).await;
    cast.end(children[0], failure(), 6).await;
    assert!(cast.claim(9, 9).await.is_empty());
    cast.end(children[2], Ok(json("3")), 7).await;

    let claimed = cast.claim_only(9).await;
    assert_eq!(claimed.run.id, parent.run);
    assert_eq!(claimed.run.state.name, StateName::RESUMING);
    assert_eq!((claimed.run.attempt, claimed.run.epoch), (1, 2));
    assert_eq!(claimed.journal_len, 3);
    assert_eq!(cast.settled(parent.run, &[1, 2, 3]).await, [2, 1, 3]);
    let history = "Scheduled Pending Running Waiting Resuming";
    assert_eq!(cast.history(parent.run).await, history);
}

pub async fn a_wait_for_any_ends_with_the_first<S: Store>(cast: Cast<S>) {
    let (parent, children) = parent_of(&cast, 3).await;
    assert_eq!(cast.wait(parent, &[1, 2, 3], 1).await, Ok(Recorded::Done));
    cast.end(children[1], Ok(json("2")), 5).await;
    let claimed = cast.claim_only(5).await;
    assert_eq!(claimed.run.id, parent.run);
    // The next one to settle finds it awake.
    cast.end(children[0], Ok(json("1")), 6).await;
    assert!(cast.claim(9, 9).await.is_empty());
    assert_eq!(cast.settled(parent.run, &[1, 2, 3]).await, [2, 1]);
}

pub async fn what_settled_before_the_wait_counts<S: Store>(cast: Cast<S>) {
    let (parent, children) = parent_of(&cast, 3).await;
    cast.end(children[0], Ok(json("1")), 5).await;
    // The caller did not know yet.
    assert_eq!(cast.wait(parent, &[1, 2, 3], 1).await, Ok(Recorded::Ready));
    assert_eq!(cast.state(parent.run).await, StateType::Running);
    assert_eq!(cast.history(parent.run).await, "Scheduled Pending Running");

    // What else was recorded stands.
    let ready = cast
        .try_record(parent, |progress| {
            progress.entries.push(task(4));
            progress.states.push(State::waiting(at(6)));
            progress.next = Next::Wait {
                awaited: vec![Seq(1), Seq(4)],
                count: 1,
                until: None,
                waits: Waits::default(),
            };
        })
        .await;
    assert_eq!(ready, Ok(Recorded::Ready));
    assert_eq!(cast.store.journal(parent.run).await.unwrap().len(), 4);

    // One of the two that it wants is there: one more is enough.
    assert_eq!(cast.wait(parent, &[1, 2, 3], 2).await, Ok(Recorded::Done));
    cast.end(children[2], Ok(json("3")), 7).await;
    assert_eq!(cast.claim_only(7).await.run.id, parent.run);
}

pub async fn an_earlier_wait_does_not_count_for_a_later_one<S: Store>(cast: Cast<S>) {
    let (parent, children) = parent_of(&cast, 3).await;
    cast.wait(parent, &[1, 2, 3], 1).await.unwrap();
    cast.end(children[0], Ok(json("1")), 5).await;
    let again = cast.claim_only(5).await.lease;
    cast.go_on(again, |p| p.states.push(State::running(1, at(5))))
        .await;
    assert_eq!(cast.wait(again, &[3], 1).await, Ok(Recorded::Done));
    cast.end(children[1], Ok(json("2")), 6).await;
    assert!(cast.claim(9, 9).await.is_empty());
    cast.end(children[2], Ok(json("3")), 7).await;
    assert_eq!(cast.claim_only(9).await.run.id, parent.run);
}

pub async fn waiting_frees_the_slot<S: Store>(cast: Cast<S>) {
    cast.limit(1).await;
    let parent = cast.running("etl").await;
    let child = new_run("load");
    let id = child.run.id;
    cast.go_on(parent, |progress| {
        progress.entries.push(start(1, &child.run));
        progress.children.push(child);
    })
    .await;
    assert!(cast.claim(9, 1).await.is_empty());
    cast.wait(parent, &[1], 1).await.unwrap();
    let stale = cast.try_record(parent, |p| p.entries.push(task(2))).await;
    assert!(matches!(stale, Err(StoreError::Stale { .. })));

    let child = cast.claim_only(2).await;
    assert_eq!(child.run.id, id);
    cast.go_on(child.lease, |p| p.states.push(State::running(1, at(2))))
        .await;
    cast.end(child.lease, Ok(json("1")), 3).await;
    assert_eq!(cast.claim_only(3).await.run.id, parent.run);
}

pub async fn a_call_settles_once<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries = vec![task(1), task(2)])
        .await;
    cast.go_on(lease, |p| p.settled = vec![settled(2, 3)]).await;
    cast.go_on(lease, |p| p.settled = vec![settled(2, 9), settled(1, 9)])
        .await;
    let both = cast
        .store
        .settled(lease.run, &[Seq(1), Seq(2)])
        .await
        .unwrap();
    assert_eq!(both, [settled(2, 3), settled(1, 9)]);
    // One that settles in the record that makes it.
    let mut third = task(3);
    third.settled = Some((at(4), Settlement::Timer));
    cast.go_on(lease, |p| p.entries.push(third)).await;
    assert_eq!(cast.settled(lease.run, &[3]).await, [3]);
}

pub async fn what_has_ended_settles_a_watch_at_once<S: Store>(cast: Cast<S>) {
    let ended = cast.running("load").await;
    cast.end(ended, Ok(json("7")), 4).await;
    let lease = cast.running("etl").await;
    let ready = cast
        .try_record(lease, |progress| {
            progress.entries.push(watch(1, ended.run));
            progress.states.push(State::waiting(at(5)));
            progress.next = Next::Wait {
                awaited: vec![Seq(1)],
                count: 1,
                until: None,
                waits: Waits::default(),
            };
        })
        .await;
    assert_eq!(ready, Ok(Recorded::Ready));
    let settled = cast.store.settled(lease.run, &[Seq(1)]).await.unwrap();
    let snapshot = cast.run(ended.run).await.snapshot();
    assert_eq!(settled[0].settlement, Settlement::Run(snapshot));
}

pub async fn whoever_watches_is_told_how_a_run_ended<S: Store>(cast: Cast<S>) {
    let target = cast.running("load").await;
    let one = cast.running("etl").await;
    let two = cast.running("report").await;
    for watcher in [one, two] {
        cast.go_on(watcher, |p| p.entries.push(watch(1, target.run)))
            .await;
    }
    cast.end(target, failure(), 8).await;
    for watcher in [one, two] {
        let settled = cast.store.settled(watcher.run, &[Seq(1)]).await.unwrap();
        assert_eq!(settled[0].at, at(8));
        match &settled[0].settlement {
            Settlement::Run(run) => {
                assert_eq!((run.id, run.state), (target.run, StateType::Failed));
                assert_eq!(run.outcome, Some(failure()));
            }
            other => panic!("{other:?}"),
        }
    }
}

pub async fn a_refused_call_watches_nothing<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let nothing = RunId::generate();
    cast.go_on(lease, |p| p.entries.push(refused(1, nothing)))
        .await;
    let missing = cast
        .try_record(lease, |p| p.entries.push(watch(2, nothing)))
        .await;
    assert!(matches!(missing, Err(StoreError::NotFound(_))));
}

pub async fn timers_settle_in_their_order_when_they_are_due<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| {
        p.entries = vec![timer(1, 30), timer(2, 20), timer(3, 90)]
    })
    .await;
    cast.wait(lease, &[1, 2, 3], 2).await.unwrap();
    assert_eq!(cast.store.settle_due(at(19), 9).await, Ok(0));
    assert_eq!(cast.store.settle_due(at(40), 1).await, Ok(1));
    assert!(cast.claim(9, 40).await.is_empty());
    assert_eq!(cast.store.settle_due(at(40), 9).await, Ok(1));
    assert_eq!(cast.settled(lease.run, &[1, 2, 3]).await, [2, 1]);
    assert_eq!(cast.claim_only(40).await.run.id, lease.run);
}

pub async fn the_next_due_time_is_the_earliest<S: Store>(cast: Cast<S>) {
    let default = PoolName::default_pool();
    let next = |second| cast.store.next_due(Some(&default), at(second));
    assert_eq!(next(0).await, Ok(None));
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(timer(1, 50))).await;
    assert_eq!(next(0).await, Ok(Some(at(50))));

    let mut later = new_run("etl");
    later.run.scheduled = at(40);
    cast.create(later).await;
    assert_eq!(next(0).await, Ok(Some(at(40))));
    // What is ready already is not due: it can be claimed.
    assert_eq!(next(40).await, Ok(Some(at(50))));

    cast.create_pool("gpu").await;
    let mut elsewhere = new_run("etl");
    elsewhere.run.pool = Some(pool("gpu"));
    elsewhere.run.scheduled = at(10);
    cast.create(elsewhere).await;
    assert_eq!(next(0).await, Ok(Some(at(40))));
    assert_eq!(cast.store.next_due(None, at(0)).await, Ok(Some(at(10))));

    cast.store.settle_due(at(60), 9).await.unwrap();
    assert_eq!(next(60).await, Ok(None));
}

pub async fn one_cannot_wait_for_what_was_never_called<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(task(1))).await;
    refusal(cast.wait(lease, &[2], 1).await);
    refusal(cast.wait(lease, &[1], 2).await);
    assert_eq!(cast.state(lease.run).await, StateType::Running);
}

/// A task does not settle while nobody executes it: the run is ready when its retry is due,
/// or when enough else has settled.
pub async fn a_task_that_awaits_its_retry_is_waited_for_without_a_slot<S: Store>(cast: Cast<S>) {
    cast.limit(1).await;
    let default = PoolName::default_pool();
    let lease = cast.running("etl").await;
    let wait_until = |second| Next::Wait {
        awaited: vec![Seq(1), Seq(2)],
        count: 2,
        until: Some(at(second)),
        waits: Waits::default(),
    };
    cast.go_on(lease, |progress| {
        progress.entries = vec![task(1), timer(2, 20)];
        progress.states.push(State::waiting(at(2)));
        progress.next = wait_until(50);
    })
    .await;
    let other = cast.running("report").await;
    cast.end(other, Ok(json("1")), 3).await;

    let next = |second| cast.store.next_due(Some(&default), at(second));
    assert_eq!(next(3).await, Ok(Some(at(20))));
    assert_eq!(cast.store.settle_due(at(20), 9).await, Ok(1));
    assert_eq!(next(20).await, Ok(Some(at(50))));
    assert!(cast.claim(9, 49).await.is_empty());
    let again = cast.claim_only(50).await.lease;
    assert_eq!(again.run, lease.run);

    // Woken for one attempt, it waits for the next.
    cast.go_on(again, |p| p.states.push(State::running(1, at(50))))
        .await;
    cast.go_on(again, |progress| {
        progress.states.push(State::waiting(at(51)));
        progress.next = wait_until(70);
    })
    .await;
    assert!(cast.claim(9, 69).await.is_empty());
    assert_eq!(next(69).await, Ok(Some(at(70))));
    assert_eq!(cast.claim_only(70).await.run.id, lease.run);
}
