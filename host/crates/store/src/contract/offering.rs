//! Workers that wait for something to claim.

use std::sync::Arc;

use super::cast::*;
use crate::{
    Claim, Claimed, Clock, Missing, NewRun, Offer, PoolChange, Recorded, Store, StoreError,
    StoreResult,
};
use model::{PoolName, StateType, WorkerId};

/// A claim that waits, and the offer behind it.
pub struct Waiting<F> {
    pub claimed: F,
    pub offer: Arc<Offer>,
}

/// Begins to wait in the default pool, for up to `count` runs.
pub fn wait_for_runs<S: Store>(
    cast: &Cast<S>,
    worker: WorkerId,
    count: u32,
    clock: Arc<dyn Clock>,
) -> Waiting<impl Future<Output = StoreResult<Vec<Claimed>>> + 'static> {
    let offer = Arc::new(Offer::new(clock));
    let claim = Claim {
        worker,
        pool: Some(PoolName::default_pool()),
        queues: Vec::new(),
        count,
        now: at(0),
    };
    Waiting {
        claimed: cast.store.claim_next(claim, Arc::clone(&offer)),
        offer,
    }
}

/// A clock that stands still.
pub fn second_3() -> Arc<dyn Clock> {
    Arc::new(SetClock::new(3))
}

pub fn ids(claimed: &[Claimed]) -> Vec<model::RunId> {
    claimed.iter().map(|claimed| claimed.run.id).collect()
}

pub async fn a_claim_that_waits_gets_a_run_with_its_creation<S: Store>(cast: Cast<S>) {
    let waiting = wait_for_runs(&cast, cast.w1, 2, second_3());
    let mut made = Vec::new();
    for flow in ["first", "second", "third"] {
        made.push(new_run(flow));
    }
    let expect: Vec<_> = made.iter().take(2).map(|new| new.run.id).collect();
    let left = made[2].run.id;
    cast.store.create_runs(made).await.unwrap();
    let claimed = waiting.claimed.await.unwrap();
    assert_eq!(ids(&claimed), expect);
    assert_eq!(claimed[0].run.state.at, at(3));
    assert_eq!(claimed[0].lease.epoch, 1);
    // No more than it had room for.
    assert_eq!(cast.state(left).await, StateType::Scheduled);
}

pub async fn a_claim_that_waits_takes_what_is_there<S: Store>(cast: Cast<S>) {
    let id = cast.create(new_run("etl")).await;
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [id]);
}

pub async fn a_claim_that_waits_gets_a_parent_with_the_end_of_its_child<S: Store>(cast: Cast<S>) {
    let parent = cast.running("parent").await;
    let child = cast.running("child").await;
    cast.go_on(parent, |p| p.entries.push(watch(1, child.run)))
        .await;
    cast.wait(parent, &[1], 1).await.unwrap();
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());

    cast.end(child, Ok(json("1")), 3).await;
    let claimed = waiting.claimed.await.unwrap();
    assert_eq!(ids(&claimed), [parent.run]);
    assert_eq!(claimed[0].lease.epoch, parent.epoch + 1);
}

pub async fn whoever_waits_first_is_served_first<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 3600).await;
    let first = wait_for_runs(&cast, w2, 1, second_3());
    let second = wait_for_runs(&cast, cast.w1, 1, second_3());
    let made = cast.create(new_run("etl")).await;
    let claimed = first.claimed.await.unwrap();
    assert_eq!(ids(&claimed), [made]);
    assert_eq!(claimed[0].lease.worker, w2);
    let next = cast.create(new_run("etl")).await;
    assert_eq!(ids(&second.claimed.await.unwrap()), [next]);
}

pub async fn a_withdrawn_offer_gets_nothing<S: Store>(cast: Cast<S>) {
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());
    waiting.offer.withdraw();
    let id = cast.create(new_run("etl")).await;
    cast.store.look_again();
    assert!(waiting.claimed.await.unwrap().is_empty());
    assert_eq!(cast.state(id).await, StateType::Scheduled);
}

pub async fn a_claim_that_nobody_awaits_gets_nothing<S: Store>(cast: Cast<S>) {
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());
    drop(waiting.claimed);
    let id = cast.create(new_run("etl")).await;
    assert_eq!(cast.state(id).await, StateType::Scheduled);
}

pub async fn a_claim_that_waits_looks_again_when_time_has_passed<S: Store>(cast: Cast<S>) {
    let clock = Arc::new(SetClock::new(0));
    let waiting = wait_for_runs(&cast, cast.w1, 9, clock.clone());
    let mut later = new_run("etl");
    later.run.scheduled = at(10);
    let id = cast.create(later).await;
    assert_eq!(cast.state(id).await, StateType::Scheduled);
    clock.set(10);
    cast.store.look_again();
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [id]);
}

pub async fn a_claim_that_waits_heeds_the_pool<S: Store>(cast: Cast<S>) {
    let pause = |paused| PoolChange {
        paused: Some(paused),
        ..PoolChange::default()
    };
    cast.change_default_pool(pause(true)).await;
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());
    let id = cast.create(new_run("etl")).await;
    assert_eq!(cast.state(id).await, StateType::Scheduled);
    cast.change_default_pool(pause(false)).await;
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [id]);
}

pub async fn a_claim_that_waits_gets_its_reserved_run<S: Store>(cast: Cast<S>) {
    let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
    let reserved = NewRun {
        reserved_for: Some(cast.w1),
        ..new_run("etl")
    };
    let id = cast.create(reserved).await;
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [id]);
}

pub async fn a_worker_that_was_given_up_waits_in_vain<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 30).await;
    let waiting = wait_for_runs(&cast, w2, 9, second_3());
    cast.store.rescue(&[w2], at(5)).await.unwrap();
    let id = cast.create(new_run("etl")).await;
    let gone = StoreError::NotFound(Missing::Worker(w2));
    assert_eq!(waiting.claimed.await.unwrap_err(), gone);
    // And harms nobody.
    assert_eq!(cast.state(id).await, StateType::Scheduled);
}

pub async fn what_becomes_ready_while_nobody_waits_is_not_missed<S: Store>(cast: Cast<S>) {
    // It gets less than it has room for: there is no more.
    let first = cast.create(new_run("etl")).await;
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [first]);
    // And then there is.
    let second = cast.create(new_run("etl")).await;
    let waiting = wait_for_runs(&cast, cast.w1, 9, second_3());
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [second]);
    // As many as it had room for: perhaps there is more.
    let rest = [(); 3].map(|()| new_run("etl"));
    let expect = rest.each_ref().map(|new| new.run.id);
    cast.store.create_runs(rest.to_vec()).await.unwrap();
    for id in expect {
        let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
        assert_eq!(ids(&waiting.claimed.await.unwrap()), [id]);
    }
}

/// A pause frees a slot as soon as the run has said what it did by then.
pub async fn a_claim_that_waits_gets_the_slot_of_a_paused_run<S: Store>(cast: Cast<S>) {
    cast.limit(1).await;
    let lease = cast.running("etl").await;
    let next = cast.create(new_run("next")).await;
    let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
    cast.store.pause(lease.run, at(2)).await.unwrap();
    assert_eq!(cast.state(next).await, StateType::Scheduled);
    let left = cast.try_record(lease, |p| p.entries.push(task(1))).await;
    assert_eq!(left, Ok(Recorded::Paused));
    assert_eq!(cast.state(next).await, StateType::Pending);
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [next]);
}

/// So does a worker that goes away with a paused run, which nobody else can claim.
pub async fn a_claim_that_waits_gets_the_slot_of_a_lost_worker<S: Store>(cast: Cast<S>) {
    cast.limit(1).await;
    let lease = cast.running("etl").await;
    let next = cast.create(new_run("next")).await;
    let w2 = cast.hire("w2", 3600).await;
    let waiting = wait_for_runs(&cast, w2, 1, second_3());
    cast.store.pause(lease.run, at(2)).await.unwrap();
    cast.store.sign_off(cast.w1, at(2)).await.unwrap();
    assert_eq!(cast.state(lease.run).await, StateType::Paused);
    assert_eq!(cast.state(next).await, StateType::Pending);
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [next]);
}
