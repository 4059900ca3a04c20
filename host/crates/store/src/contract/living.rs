//! What a run under lease records, from claim to end.

use std::time::Duration;

use super::cast::*;
use crate::{LogFilter, NewRun, Next, PageRequest, Recorded, Store, StoreError, SubflowChange};
use model::{
    FailureKind, Lease, LogLevel, LogLine, LogSource, Progress, Seq, State, StateType, Waits,
};

pub async fn a_run_lives_from_claim_to_end<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |progress| {
        progress.entries = vec![task(1), timer(2, 60)];
        progress.logged = 2;
    })
    .await;
    cast.go_on(lease, |progress| progress.settled.push(settled(1, 3)))
        .await;
    let journal = cast.store.journal(lease.run).await.unwrap();
    let mut first = task(1);
    first.settled = Some((at(3), settled(1, 3).settlement));
    assert_eq!(journal, [first, timer(2, 60)]);

    cast.end(lease, Ok(json(r#"{"rows":3}"#)), 9).await;
    let run = cast.run(lease.run).await;
    assert_eq!(run.state.kind, StateType::Completed);
    assert_eq!(run.outcome, Some(Ok(json(r#"{"rows":3}"#))));
    assert_eq!((run.started, run.ended), (Some(at(1)), Some(at(9))));
    assert_eq!(
        cast.history(lease.run).await,
        "Scheduled Pending Running Completed"
    );
    assert!(cast.claim(9, 99).await.is_empty());
}

pub async fn an_older_epoch_is_refused<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let stale = StoreError::Stale {
        run: lease.run,
        epoch: lease.epoch,
    };
    let w2 = cast.hire("w2", 3600).await;
    let other = Lease {
        worker: w2,
        ..lease
    };
    assert_eq!(cast.try_record(other, |_| ()).await, Err(stale.clone()));

    // Lost, and claimed by another: the first owner's write comes too late.
    cast.store.rescue(&[cast.w1], at(5)).await.unwrap();
    assert_eq!(cast.try_record(lease, |_| ()).await, Err(stale.clone()));
    let again = cast.try_claim(w2, 1, 5).await.unwrap().remove(0);
    assert_eq!(again.lease.epoch, lease.epoch + 1);
    let late = cast.try_record(lease, |p| p.entries.push(task(1))).await;
    assert_eq!(late, Err(stale));
    cast.go_on(again.lease, |p| p.states.push(State::running(1, at(6))))
        .await;
    cast.end(again.lease, Ok(json("1")), 7).await;

    let after = cast
        .try_record(again.lease, |p| p.entries.push(task(1)))
        .await;
    assert!(matches!(after, Err(StoreError::Stale { .. })));
    assert!(cast.store.journal(lease.run).await.unwrap().is_empty());
}

pub async fn what_the_transition_table_lacks_is_refused<S: Store>(cast: Cast<S>) {
    let id = cast.create(new_run("etl")).await;
    let lease = cast.claim_only(0).await.lease;
    let result = cast
        .try_record(lease, |progress| {
            progress.states.push(State::ended(&Ok(json("1")), at(1)));
            progress.next = Next::End {
                outcome: Ok(json("1")),
            };
        })
        .await;
    assert!(refusal(result).contains("cannot go from PENDING to COMPLETED"));
    assert_eq!(cast.history(id).await, "Scheduled Pending");
}

pub async fn what_comes_next_fits_the_last_state<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let going_on = cast
        .try_record(lease, |p| p.states.push(State::scheduled(at(1))))
        .await;
    refusal(going_on);
    let ending = cast
        .try_record(lease, |progress| {
            progress.states.push(State::ended(&Ok(json("1")), at(1)));
            progress.next = Next::End { outcome: failure() };
        })
        .await;
    refusal(ending);
    let ending = cast
        .try_record(lease, |p| p.next = Next::End { outcome: failure() })
        .await;
    refusal(ending);
    let release = Next::Release {
        at: at(1),
        failed: failure().err(),
    };
    refusal(cast.try_record(lease, |p| p.next = release).await);
    assert_eq!(cast.state(lease.run).await, StateType::Running);
}

pub async fn entries_are_consecutive<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries = vec![task(1), task(2)])
        .await;
    refusal(cast.try_record(lease, |p| p.entries.push(task(2))).await);
    refusal(cast.try_record(lease, |p| p.entries.push(task(4))).await);
    let torn = cast
        .try_record(lease, |p| p.entries = vec![task(3), task(5)])
        .await;
    refusal(torn);
    assert_eq!(cast.store.journal(lease.run).await.unwrap().len(), 2);
    cast.go_on(lease, |p| p.entries.push(task(3))).await;
}

pub async fn a_child_and_the_call_that_made_it_are_one<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let child = new_run("load");
    // The second entry watches a run that does not exist, after the child was written.
    let bad = cast
        .try_record(lease, |progress| {
            progress.states.push(State::waiting(at(1)));
            progress.children.push(child.clone());
            progress.entries = vec![start(1, &child.run), watch(2, new_run("?").run.id)];
            progress.next = Next::Wait {
                awaited: vec![Seq(1)],
                count: 1,
                until: None,
                waits: Waits::default(),
            };
        })
        .await;
    assert!(matches!(bad, Err(StoreError::NotFound(_))), "{bad:?}");
    assert!(cast.store.flow_run(child.run.id).await.unwrap().is_none());
    assert!(cast.store.journal(lease.run).await.unwrap().is_empty());
    assert_eq!(cast.state(lease.run).await, StateType::Running);

    cast.go_on(lease, |progress| {
        progress.children.push(child.clone());
        progress.entries = vec![start(1, &child.run)];
    })
    .await;
    assert_eq!(
        cast.store.journal(lease.run).await.unwrap(),
        [start(1, &child.run)]
    );
    assert_eq!(cast.claim_only(1).await.run.id, child.run.id);
}

pub async fn a_taken_key_of_a_child_names_the_run_that_has_it<S: Store>(cast: Cast<S>) {
    let keyed = || NewRun {
        idempotency_key: Some("today".to_owned()),
        ..new_run("load")
    };
    let earlier = cast.create(keyed()).await;
    let lease = cast.running("etl").await;
    let child = keyed();
    let taken = cast
        .try_record(lease, |progress| {
            progress.entries = vec![start(1, &child.run)];
            progress.children.push(child);
        })
        .await;
    let expect = StoreError::KeyTaken {
        key: "today".to_owned(),
        run: earlier,
    };
    assert_eq!(taken, Err(expect));
    assert!(cast.store.journal(lease.run).await.unwrap().is_empty());
}

pub async fn a_key_goes_to_another_run_only_once_its_holder_has_failed<S: Store>(cast: Cast<S>) {
    let keyed = |instead_of| NewRun {
        idempotency_key: Some("today".to_owned()),
        instead_of,
        ..new_run("load")
    };
    let first = cast.create(keyed(None)).await;
    let first_lease = cast.claim_only(0).await.lease;
    let lease = cast.running("etl").await;
    let another = keyed(Some(first));
    let replace = async || {
        let child = another.clone();
        cast.try_record(lease, |progress| {
            progress.entries = vec![start(1, &child.run)];
            progress.children.push(child);
        })
        .await
    };
    // It goes on.
    let taken = StoreError::KeyTaken {
        key: "today".to_owned(),
        run: first,
    };
    assert_eq!(replace().await, Err(taken));
    cast.end(first_lease, failure(), 1).await;
    assert_eq!(replace().await, Ok(Recorded::Done));
    let holder = cast.store.run_by_key(&flow("load"), "today").await.unwrap();
    assert_eq!(holder.map(|run| run.id), Some(another.run.id));
    // The first one is what it was, without its key.
    assert_eq!(cast.state(first).await, StateType::Failed);
}

pub async fn a_retry_opens_an_attempt_at_its_time<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(task(1))).await;
    cast.go_on(lease, |progress| {
        progress.states.push(State::scheduled(at(2)));
        progress.next = Next::Release {
            at: at(60),
            failed: failure().err(),
        };
    })
    .await;
    assert!(cast.claim(9, 59).await.is_empty());
    let again = cast.claim_only(60).await;
    assert_eq!((again.run.attempt, again.run.epoch), (2, 2));
    assert_eq!((again.run.started, again.journal_len), (None, 0));
}

/// Whether it is tried again by itself, or because a person says so. The time between attempts, and
/// what a run was claimed for again within one, does not count.
pub async fn what_earlier_attempts_took_is_added_up<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let first = cast.run(lease.run).await;
    assert_eq!(
        (first.started, first.earlier),
        (Some(at(1)), Duration::ZERO)
    );
    let leave = async |lease: Lease, second, failed| {
        cast.go_on(lease, |progress: &mut Progress| {
            progress.states.push(State::scheduled(at(second)));
            let at = at(second);
            progress.next = Next::Release { at, failed };
        })
        .await;
        cast.run(lease.run).await.earlier
    };
    assert_eq!(leave(lease, 2, None).await, Duration::ZERO);
    let lease = cast.claim_only(10).await.lease;
    assert_eq!(
        leave(lease, 11, failure().err()).await,
        Duration::from_secs(10)
    );
    let lease = cast.claim_only(60).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(2, at(60))))
        .await;
    cast.end(lease, failure(), 64).await;
    let ended = cast.run(lease.run).await;
    assert_eq!(
        (ended.started, ended.earlier),
        (Some(at(60)), Duration::from_secs(10))
    );
    cast.store.retry(lease.run, false, at(900)).await.unwrap();
    let retried = cast.run(lease.run).await;
    assert_eq!(
        (retried.started, retried.earlier),
        (None, Duration::from_secs(14))
    );
}

pub async fn what_a_stopping_worker_releases_keeps_its_attempt<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |progress| {
        progress.states.push(State::scheduled(at(2)));
        progress.logged = 3;
        progress.next = Next::Release {
            at: at(2),
            failed: None,
        };
    })
    .await;
    let again = cast.claim_only(2).await;
    assert_eq!((again.run.attempt, again.run.epoch), (1, 2));
    assert_eq!(again.logged, 3);
}

pub async fn a_subflow_lives_within_its_run<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "load");
    let id = inner.id;
    cast.go_on(lease, |progress| {
        progress
            .subflows
            .push(SubflowChange::Begin(Box::new(inner)));
        progress.logs.push(LogLine {
            run: id,
            source: LogSource::Flow,
            at: at(2),
            level: LogLevel::Info,
            target: "load".to_owned(),
            message: "hello".to_owned(),
        });
    })
    .await;
    assert_eq!(cast.state(id).await, StateType::Running);
    // It is nobody's to claim, and takes no slot.
    assert!(cast.claim(9, 9).await.is_empty());
    let end = |outcome| SubflowChange::End {
        run: id,
        state: State::ended(&outcome, at(3)),
        outcome,
    };
    cast.go_on(lease, |p| p.subflows.push(end(Ok(json("7")))))
        .await;
    let run = cast.run(id).await;
    assert_eq!(
        (run.state.kind, run.ended),
        (StateType::Completed, Some(at(3)))
    );
    assert_eq!(run.outcome, Some(Ok(json("7"))));
    refusal(
        cast.try_record(lease, |p| p.subflows.push(end(failure())))
            .await,
    );

    let mut strange = subflow(lease.run, "load");
    strange.within = None;
    let begin = SubflowChange::Begin(Box::new(strange));
    refusal(cast.try_record(lease, |p| p.subflows.push(begin)).await);

    let lines = LogFilter::of(lease.run);
    let page = cast.store.logs(&lines, &PageRequest::oldest(1)).await;
    assert_eq!(page.unwrap().items[0].1.run, id);
}

pub async fn subflows_share_the_failure_of_their_run<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "load");
    let id = inner.id;
    cast.go_on(lease, |p| {
        p.subflows.push(SubflowChange::Begin(Box::new(inner)))
    })
    .await;
    cast.end(lease, failure(), 5).await;
    let run = cast.run(id).await;
    assert_eq!(
        (run.state.kind, run.ended),
        (StateType::Failed, Some(at(5)))
    );
    assert_eq!(run.outcome, Some(failure()));
}

pub async fn a_subflow_that_was_dropped_is_cancelled<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "load");
    let id = inner.id;
    cast.go_on(lease, |p| {
        p.subflows.push(SubflowChange::Begin(Box::new(inner)))
    })
    .await;
    cast.end(lease, Ok(json("1")), 5).await;
    let run = cast.run(id).await;
    assert_eq!(run.state.kind, StateType::Cancelled);
    let failure = run.outcome.unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
}
