//! Workers, their leases, and what becomes of the runs of a lost one.

use super::cast::*;
use crate::{Missing, NewRun, Store, StoreError};
use model::{State, StateName, StateType, Usage, WorkerId, WorkerUsage};

pub async fn a_lease_is_renewed_until_the_worker_is_given_up<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 30).await;
    let usage = WorkerUsage {
        memory: Usage {
            used: 7 << 30,
            limit: 16 << 30,
        },
        memory_peak: 9 << 30,
        descriptors: None,
        threads: Some(8),
        ..WorkerUsage::default()
    };
    let renewed = cast.store.renew(w2, usage, at(20), at(50));
    renewed.await.unwrap();
    assert_eq!(cast.store.rescue(&[], at(49)).await, Ok(vec![]));
    let workers = cast.store.workers().await.unwrap();
    let ids: Vec<_> = workers.iter().map(|worker| worker.id).collect();
    assert_eq!(ids, [cast.w1, w2]);
    assert_eq!(
        (workers[1].heartbeat, workers[1].lease_until),
        (at(20), at(50))
    );
    assert_eq!(workers[1].version.as_deref(), Some("1.2.3"));
    assert_eq!((workers[0].usage, workers[1].usage), (None, Some(usage)));

    cast.store.rescue(&[], at(50)).await.unwrap();
    let gone = StoreError::NotFound(Missing::Worker(w2));
    let renewed = cast.store.renew(w2, usage, at(51), at(99));
    assert_eq!(renewed.await, Err(gone));
    assert_eq!(cast.store.workers().await.unwrap().len(), 1);
}

pub async fn what_a_worker_uses_is_told_from_the_start<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 30).await;
    let mut anew = cast.store.workers().await.unwrap().remove(1);
    anew.usage = Some(WorkerUsage::default());
    anew.id = WorkerId::generate();
    let expect = anew.clone();
    cast.store.sign_off(w2, at(1)).await.unwrap();
    cast.store.register_worker(anew).await.unwrap();
    assert_eq!(cast.store.workers().await.unwrap()[1], expect);
}

pub async fn a_lost_worker_gives_its_runs_back<S: Store>(cast: Cast<S>) {
    let running = cast.running("etl").await;
    cast.go_on(running, |p| p.entries.push(task(1))).await;
    let pending = cast.create(new_run("etl")).await;
    cast.claim(9, 1).await;
    let done = cast.running("etl").await;
    cast.end(done, Ok(json("1")), 2).await;

    let w2 = cast.hire("w2", 3600).await;
    let mut rescued = cast.store.rescue(&[cast.w1], at(5)).await.unwrap();
    rescued.sort_unstable();
    assert_eq!(rescued, [running.run, pending]);
    let run = cast.run(running.run).await;
    assert_eq!(run.state.kind, StateType::Scheduled);
    assert_eq!(run.state.name, StateName::RESCUED);
    assert_eq!(run.state.message.as_deref(), Some("worker `w1` was lost"));
    assert_eq!(
        cast.history(running.run).await,
        "Scheduled Pending Running Rescued"
    );

    let claimed = cast.try_claim(w2, 9, 5).await.unwrap();
    assert_eq!(claimed.len(), 2);
    let again = claimed.iter().find(|c| c.run.id == running.run).unwrap();
    assert_eq!(
        (again.run.attempt, again.run.epoch, again.journal_len),
        (1, 2, 1)
    );
    // It was lost once: asking again finds nothing.
    assert_eq!(cast.store.rescue(&[cast.w1], at(6)).await, Ok(vec![]));
}

pub async fn a_worker_whose_lease_ended_is_lost<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 30).await;
    let id = cast.create(new_run("etl")).await;
    cast.try_claim(w2, 1, 0).await.unwrap();
    assert_eq!(cast.store.rescue(&[], at(29)).await, Ok(vec![]));
    assert_eq!(cast.store.rescue(&[], at(30)).await, Ok(vec![id]));
    assert_eq!(cast.claim_only(30).await.run.id, id);
}

pub async fn a_reservation_ends_with_its_worker<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 3600).await;
    let reserved = |flow: &str| NewRun {
        reserved_for: Some(w2),
        ..new_run(flow)
    };
    let claimed = cast.create(reserved("etl")).await;
    assert_eq!(cast.try_claim(w2, 1, 0).await.unwrap().len(), 1);
    let unclaimed = cast.create(reserved("etl")).await;
    assert!(cast.claim(9, 1).await.is_empty());

    cast.store.rescue(&[w2], at(5)).await.unwrap();
    let mut ids: Vec<_> = cast.claim(9, 5).await.iter().map(|c| c.run.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [claimed, unclaimed]);
}

pub async fn a_waiting_run_survives_its_worker<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 3600).await;
    let id = cast
        .create(NewRun {
            reserved_for: Some(w2),
            ..new_run("etl")
        })
        .await;
    let lease = cast.try_claim(w2, 1, 0).await.unwrap().remove(0).lease;
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(1)));
        progress.entries.push(timer(1, 60));
    })
    .await;
    cast.wait(lease, &[1], 1).await.unwrap();
    assert_eq!(cast.store.rescue(&[w2], at(5)).await, Ok(vec![]));
    assert_eq!(cast.state(id).await, StateType::Waiting);
    cast.store.settle_due(at(60), 9).await.unwrap();
    assert_eq!(cast.claim_only(60).await.run.id, id);
}

pub async fn a_cancelling_run_of_a_lost_worker_is_cleaned_up_by_another<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.cancel(lease.run, at(2)).await.unwrap();
    let given_back = cast.store.rescue(&[cast.w1], at(5)).await;
    assert_eq!(given_back, Ok(vec![lease.run]));
    let w2 = cast.hire("w2", 3600).await;
    let claimed = cast.try_claim(w2, 9, 5).await.unwrap().remove(0);
    assert_eq!(claimed.run.state.kind, StateType::Cancelling);
    assert_eq!(claimed.lease.epoch, 2);
}
