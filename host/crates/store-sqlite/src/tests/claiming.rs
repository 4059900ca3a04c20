//! Claims within the commit that makes a run ready.
//!
//! The contract only asks that a claim that waits gets the run. This engine has one writer,
//! so it can claim in the same transaction: when the call returns that made the run ready,
//! the run is on its way already.

use model::StateType;
use store::contract::cast::{Cast, at, json, new_run, timer, watch};
use store::contract::offering::{ids, second_3, wait_for_runs};
use store::{Runs as _, StoreError, Topic, Wakes as _};

use super::new_store;
use crate::SqliteStore;
use crate::sql::Sql as _;

#[tokio::test]
async fn a_new_run_is_claimed_in_the_commit_that_creates_it() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
    let made = [new_run("first"), new_run("second")];
    let [first, second] = made.each_ref().map(|new| new.run.id);
    cast.store.create_runs(made.to_vec()).await.unwrap();
    assert_eq!(cast.state(first).await, StateType::Pending);
    // The claim had room for one.
    assert_eq!(cast.state(second).await, StateType::Scheduled);
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [first]);
}

#[tokio::test]
async fn a_parent_is_claimed_in_the_commit_that_ends_its_child() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let parent = cast.running("parent").await;
    let child = cast.running("child").await;
    cast.go_on(parent, |p| p.entries.push(watch(1, child.run)))
        .await;
    cast.wait(parent, &[1], 1).await.unwrap();
    let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
    cast.end(child, Ok(json("1")), 3).await;
    assert_eq!(cast.state(parent.run).await, StateType::Pending);
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [parent.run]);
}

#[tokio::test]
async fn a_sleeper_is_claimed_in_the_commit_that_settles_its_timer() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let sleeper = cast.running("sleeper").await;
    cast.go_on(sleeper, |p| p.entries.push(timer(1, 3))).await;
    cast.wait(sleeper, &[1], 1).await.unwrap();
    let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
    assert_eq!(cast.store.settle_due(at(3), 9).await, Ok(1));
    assert_eq!(cast.state(sleeper.run).await, StateType::Pending);
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [sleeper.run]);
}

#[tokio::test]
async fn a_resumed_run_is_claimed_in_the_commit_that_resumes_it() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let run = cast.create(new_run("etl")).await;
    cast.store.pause(run, at(1)).await.unwrap();
    let waiting = wait_for_runs(&cast, cast.w1, 1, second_3());
    cast.store.resume(run, at(2)).await.unwrap();
    assert_eq!(cast.state(run).await, StateType::Pending);
    assert_eq!(ids(&waiting.claimed.await.unwrap()), [run]);
}

#[tokio::test]
async fn a_claim_that_waits_hears_of_what_another_process_makes_ready() {
    let (store, _dir) = new_store().await;
    let other = SqliteStore::open(store.path()).unwrap();
    let cast = Cast::on(store).await;
    // As a worker does.
    let _listener = cast.store.listen(Topic::Ready).unwrap();
    let claimed = tokio::spawn(wait_for_runs(&cast, cast.w1, 9, second_3()).claimed);
    let new = new_run("etl");
    let id = new.run.id;
    other.create_runs(vec![new]).await.unwrap();
    let claimed = claimed.await.unwrap().unwrap();
    assert_eq!(claimed[0].run.id, id);
}

#[tokio::test]
async fn a_claim_that_waits_misses_nothing_by_a_failed_commit() {
    let (store, _dir) = new_store().await;
    let other = SqliteStore::open(store.path()).unwrap();
    let cast = Cast::on(store).await;
    let claimed = wait_for_runs(&cast, cast.w1, 9, second_3()).claimed;
    // It has looked in vain, and there is no listener that would make it look again.
    cast.store.writer.write(|_| Ok(())).await.unwrap();
    let new = new_run("etl");
    let id = new.run.id;
    other.create_runs(vec![new]).await.unwrap();

    // It is told to look in a batch that fails: they queue up while the writer is held.
    let (go, hold) = std::sync::mpsc::channel::<()>();
    let held = cast.store.writer.write(move |_| {
        let _ = hold.recv();
        Ok(())
    });
    cast.store.look_again();
    let lost = cast.store.writer.write(|tx| {
        tx.run("ROLLBACK", [])?;
        Err::<(), _>(StoreError::Unavailable("disk full".to_owned()))
    });
    go.send(()).unwrap();
    let _ = held.await;
    assert!(lost.await.is_err());
    cast.store.writer.write(|_| Ok(())).await.unwrap();
    assert_eq!(claimed.await.unwrap()[0].run.id, id);
}
