//! Runs that lose their workers again and again: whose fault that is, and what becomes of them.

use super::cast::*;
use crate::{Claimed, Store, StoreError};
use model::{RunId, State, StateName, StateType};
use orchestrator::lifecycle::Why;

/// A worker claims the run, which must be the only one that is ready, and begins with it.
async fn claimed<S: Store>(cast: &Cast<S>) -> Claimed {
    let worker = cast.hire("unlucky", 3600).await;
    let mut claimed = cast.try_claim(worker, 9, 30).await.unwrap();
    assert_eq!(claimed.len(), 1, "ready runs");
    let claimed = claimed.remove(0);
    let running = State::running(claimed.run.attempt, at(30));
    cast.go_on(claimed.lease, |p| p.states.push(running)).await;
    claimed
}

/// It is claimed, and its worker is lost.
async fn lost<S: Store>(cast: &Cast<S>) -> Claimed {
    let claimed = claimed(cast).await;
    let worker = claimed.lease.worker;
    let given_back = cast.store.rescue(&[worker], at(30)).await;
    assert_eq!(given_back, Ok(vec![claimed.run.id]));
    claimed
}

async fn message<S: Store>(cast: &Cast<S>, run: RunId) -> String {
    cast.run(run).await.state.message.unwrap_or_default()
}

fn killed() -> Why {
    Why::Alone("its process was ended by signal 11 (SIGSEGV)".to_owned())
}

pub async fn a_run_that_is_lost_in_company_is_never_ended<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    assert!(!lost(&cast).await.alone);
    assert_eq!(message(&cast, run).await, "worker `unlucky` was lost");
    // One that stops of its own accord is not counted.
    let stops = claimed(&cast).await.lease.worker;
    cast.store.sign_off(stops, at(30)).await.unwrap();
    assert!(!lost(&cast).await.alone);
    assert_eq!(
        message(&cast, run).await,
        "worker `unlucky` was lost, the second time without progress; the run will be tried alone"
    );
    for _ in 0..5 {
        let claimed = lost(&cast).await;
        assert!(claimed.alone);
        let pending = claimed.run.state.message.unwrap_or_default();
        assert_eq!(pending, "tried alone, in a process of its own");
    }
    assert_eq!(cast.state(run).await, StateType::Scheduled);
    assert_eq!(cast.run(run).await.state.name, StateName::RESCUED);
    let lease = claimed(&cast).await.lease;
    cast.end(lease, Ok(json("1")), 11).await;
}

pub async fn a_run_that_is_lost_alone_without_progress_crashes<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    lost(&cast).await;
    lost(&cast).await;
    let alone = claimed(&cast).await;
    assert!(alone.alone);
    let given_back = cast.store.give_back(alone.lease, killed(), at(12)).await;
    assert_eq!(given_back, Ok(false));
    let ended = cast.run(run).await;
    assert_eq!(ended.state.kind, StateType::Crashed);
    assert_eq!(
        ended.state.message.as_deref(),
        Some(
            "its process was ended by signal 11 (SIGSEGV) while it was executed alone; \
             its worker was lost twice before"
        )
    );
    // A person who tries it again begins with clean counts.
    cast.store.retry(run, false, at(20)).await.unwrap();
    assert!(!lost(&cast).await.alone);
    assert!(!claimed(&cast).await.alone);
}

pub async fn a_run_that_gets_further_is_not_suspected<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    lost(&cast).await;
    lost(&cast).await;
    // A call more.
    let lease = claimed(&cast).await.lease;
    cast.go_on(lease, |p| p.entries.push(task(1))).await;
    let given_back = cast.store.give_back(lease, killed(), at(12)).await;
    assert_eq!(given_back, Ok(true));
    assert_eq!(
        message(&cast, run).await,
        "its process was ended by signal 11 (SIGSEGV) while it was executed alone, \
         but the run had made progress"
    );
    lost(&cast).await;
    // An outcome more, each time.
    for seq in 2..6 {
        let again = claimed(&cast).await;
        cast.go_on(again.lease, |p| {
            p.settled.push(settled(seq - 1, 11));
            p.entries.push(task(seq));
        })
        .await;
        let worker = again.lease.worker;
        cast.store.rescue(&[worker], at(12)).await.unwrap();
        assert_eq!(message(&cast, run).await, "worker `unlucky` was lost");
    }
    let again = claimed(&cast).await;
    assert!(!again.alone);
    cast.go_on(again.lease, |p| p.settled.push(settled(5, 11)))
        .await;
    let worker = again.lease.worker;
    cast.store.rescue(&[worker], at(12)).await.unwrap();
    assert_eq!(message(&cast, run).await, "worker `unlucky` was lost");
}

pub async fn a_run_that_its_worker_forgot_is_given_back<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    let first = claimed(&cast).await;
    let lease = first.lease;
    let leases = cast.store.leases(lease.worker).await;
    assert_eq!(leases, Ok(vec![lease]));
    let now = cast.store.claimed(lease).await.unwrap();
    assert_eq!((now.lease, now.run.id), (lease, run));
    assert_eq!(now.run.state.kind, StateType::Running);

    let given_back = cast.store.give_back(lease, Why::Forgotten, at(11)).await;
    assert_eq!(given_back, Ok(true));
    let said = "worker `unlucky` did not execute it any more";
    assert_eq!(message(&cast, run).await, said);
    assert_eq!(cast.store.leases(lease.worker).await, Ok(vec![]));
    // Once is enough.
    let again = cast.store.give_back(lease, Why::Forgotten, at(11)).await;
    let (run, epoch) = (lease.run, lease.epoch);
    assert_eq!(again, Err(StoreError::Stale { run, epoch }));
    let stale = cast.store.claimed(lease).await.unwrap_err();
    assert_eq!(stale, StoreError::Stale { run, epoch });

    let second = claimed(&cast).await.lease;
    cast.store
        .give_back(second, Why::Forgotten, at(12))
        .await
        .unwrap();
    assert!(claimed(&cast).await.alone);
}

pub async fn a_cancelled_run_that_kills_its_clean_up_crashes<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    let lease = claimed(&cast).await.lease;
    cast.go_on(lease, |p| p.entries.push(task(1))).await;
    cast.store.cancel(run, at(11)).await.unwrap();
    let mut worker = lease.worker;
    for _ in 0..2 {
        cast.store.rescue(&[worker], at(12)).await.unwrap();
        worker = cast.hire("unlucky", 3600).await;
        cast.try_claim(worker, 1, 12).await.unwrap();
    }
    let leases = cast.store.leases(worker).await.unwrap();
    assert!(cast.store.claimed(leases[0]).await.unwrap().alone);
    let given_back = cast.store.give_back(leases[0], killed(), at(13)).await;
    assert_eq!(given_back, Ok(false));
    assert_eq!(cast.state(run).await, StateType::Crashed);
}
