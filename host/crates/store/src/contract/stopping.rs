//! How runs are cancelled and tried again, and what keeps losing its workers.

use super::cast::*;
use crate::{
    Cancellation, NewRun, Next, Progress, Recorded, Settled, Store, StoreError, SubflowChange,
};
use model::{Answer, Entry, RunId, Seq, Settlement, State, StateType, Waits};

pub async fn a_run_that_has_not_begun_is_cancelled_at_once<S: Store>(cast: Cast<S>) {
    let id = cast.create(new_run("etl")).await;
    assert_eq!(cast.store.cancel(id, at(5)).await, Ok(Cancellation::Done));
    assert_eq!(cast.state(id).await, StateType::Cancelled);
    assert!(cast.claim(9, 9).await.is_empty());
    let again = cast.store.cancel(id, at(6)).await.unwrap();
    assert!(matches!(again, Cancellation::Over(_)));
}

pub async fn cancelling_what_is_over_reaches_what_it_had_started<S: Store>(cast: Cast<S>) {
    let parent = cast.running("etl").await;
    let mut child = new_run("part");
    child.run.parent = Some(parent.run);
    let id = child.run.id;
    cast.go_on(parent, |progress| {
        progress.entries = vec![start(1, &child.run)];
        progress.children = vec![child];
    })
    .await;
    cast.end(parent, failure(), 3).await;
    assert_eq!(cast.state(id).await, StateType::Scheduled);
    let below = cast.store.cancel(parent.run, at(5)).await.unwrap();
    assert!(matches!(below, Cancellation::Below(_)), "{below:?}");
    assert_eq!(cast.state(id).await, StateType::Cancelled);
    assert_eq!(cast.state(parent.run).await, StateType::Failed);
    let again = cast.store.cancel(parent.run, at(6)).await.unwrap();
    assert!(matches!(again, Cancellation::Over(_)), "{again:?}");
}

pub async fn cancelling_goes_down_the_family<S: Store>(cast: Cast<S>) {
    let parent = cast.running("etl").await;
    let child = |seq| {
        let mut child = new_run("part");
        child.run.parent = Some(parent.run);
        (start(seq, &child.run), child)
    };
    let (children, runs): (Vec<_>, Vec<NewRun>) = (1..=2).map(child).unzip();
    let ids: Vec<_> = runs.iter().map(|new| new.run.id).collect();
    cast.go_on(parent, |progress| {
        progress.entries = children;
        progress.children = runs;
    })
    .await;
    let begun = cast.claim(1, 3).await.remove(0).lease;

    let cancelled = cast.store.cancel(parent.run, at(5)).await;
    assert_eq!(cancelled, Ok(Cancellation::Told));
    assert_eq!(cast.state(parent.run).await, StateType::Cancelling);
    assert_eq!(cast.state(ids[0]).await, StateType::Cancelling);
    assert_eq!(cast.state(ids[1]).await, StateType::Cancelled);
    let mut orders = cast.store.orders(cast.w1).await.unwrap();
    orders.sort_unstable();
    let cancelling = StateType::Cancelling;
    assert_eq!(orders, [(parent.run, cancelling), (begun.run, cancelling)]);
}

/// A child of this run, and the call that starts it.
fn part(parent: RunId, seq: u64) -> (Entry, NewRun) {
    let mut child = new_run("part");
    child.run.parent = Some(parent);
    (start(seq, &child.run), child)
}

/// The run has called for it before it heard of its cancellation, and says so only after.
pub async fn a_child_on_its_way_is_cancelled_with_its_run<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.cancel(lease.run, at(5)).await.unwrap();
    let (call, child) = part(lease.run, 1);
    let id = child.run.id;
    let went_on = cast.try_record(lease, |progress| {
        progress.entries.push(call);
        progress.children.push(child);
    });
    assert_eq!(went_on.await, Ok(Recorded::Cancelling));
    let child = cast.run(id).await;
    assert_eq!(child.state.kind, StateType::Cancelled);
    assert_eq!(cast.history(id).await, "Scheduled Cancelled");
    assert!(cast.claim(9, 9).await.is_empty());
    // Whoever waits for it is told.
    let journal = cast.store.journal(lease.run).await.unwrap();
    let settlement = Settlement::Run(child.snapshot());
    assert_eq!(journal[0].settled, Some((child.ended.unwrap(), settlement)));
}

pub async fn what_a_cancelled_run_starts_to_clean_up_lives<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.cancel(lease.run, at(5)).await.unwrap();
    let (before, doomed) = part(lease.run, 1);
    let (after, cleans_up) = part(lease.run, 3);
    let ids = [doomed.run.id, cleans_up.run.id];
    let went_on = cast.try_record(lease, |progress| {
        progress.entries = vec![before, told_to_end(2), after];
        progress.children = vec![doomed, cleans_up];
    });
    assert_eq!(went_on.await, Ok(Recorded::Cancelling));
    assert_eq!(cast.state(ids[0]).await, StateType::Cancelled);
    assert_eq!(cast.state(ids[1]).await, StateType::Scheduled);

    // It was told by an earlier record.
    let (late, also_cleans_up) = part(lease.run, 4);
    let id = also_cleans_up.run.id;
    let went_on = cast.try_record(lease, |progress| {
        progress.entries.push(late);
        progress.children.push(also_cleans_up);
    });
    assert_eq!(went_on.await, Ok(Recorded::Cancelling));
    assert_eq!(cast.state(id).await, StateType::Scheduled);
}

/// It was started without the run as its parent, so it belongs to no family.
pub async fn a_run_that_is_no_child_is_not_cancelled<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.cancel(lease.run, at(5)).await.unwrap();
    let (call, mut other) = part(lease.run, 1);
    other.run.parent = None;
    let id = other.run.id;
    let went_on = cast.try_record(lease, |progress| {
        progress.entries.push(call);
        progress.children.push(other);
    });
    assert_eq!(went_on.await, Ok(Recorded::Cancelling));
    assert_eq!(cast.state(id).await, StateType::Scheduled);
}

/// A replay begins at the time at which the first execution began.
pub async fn a_run_paused_before_it_said_so_has_begun<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    let lease = cast.claim_only(1).await.lease;
    cast.store.pause(run, at(2)).await.unwrap();
    let left = cast.try_record(lease, |progress| {
        progress.states.push(State::running(1, at(1)));
        progress.entries.push(task(1));
    });
    assert_eq!(left.await, Ok(Recorded::Paused));
    assert_eq!(cast.run(run).await.started, Some(at(1)));
}

pub async fn a_paused_run_stops_and_goes_on_where_it_was<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.pause(lease.run, at(3)).await.unwrap();
    let orders = cast.store.orders(cast.w1).await.unwrap();
    assert_eq!(orders, [(lease.run, StateType::Paused)]);
    // What it had done by then is kept, and its slot is free.
    let left = cast.try_record(lease, |p| p.entries.push(task(1))).await;
    assert_eq!(left, Ok(Recorded::Paused));
    assert_eq!(cast.store.orders(cast.w1).await.unwrap(), []);
    assert!(cast.claim(9, 9).await.is_empty());

    cast.store.resume(lease.run, at(10)).await.unwrap();
    let claimed = cast.claim_only(10).await;
    assert_eq!((claimed.run.attempt, claimed.journal_len), (1, 1));
    let (run, state) = (lease.run, StateType::Pending);
    let refused = cast.store.resume(run, at(11)).await.unwrap_err();
    assert_eq!(refused, StoreError::NotPaused { run, state });
}

pub async fn a_run_that_ends_while_it_is_paused_is_over<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.pause(lease.run, at(3)).await.unwrap();
    cast.end(lease, Ok(json("1")), 4).await;
    assert_eq!(cast.state(lease.run).await, StateType::Completed);
    let (run, state) = (lease.run, StateType::Completed);
    let refused = cast.store.pause(run, at(5)).await.unwrap_err();
    assert_eq!(refused, StoreError::Over { run, state });
}

pub async fn a_cancelled_run_ends_as_such_whatever_it_returns<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.cancel(lease.run, at(5)).await.unwrap();
    // It may go on for its clean-up, but not wait without its slot.
    let went_on = cast
        .try_record(lease, |p| p.entries.push(timer(1, 60)))
        .await;
    assert_eq!(went_on, Ok(Recorded::Cancelling));
    assert_eq!(cast.wait(lease, &[1], 1).await, Ok(Recorded::Cancelling));
    cast.end(lease, Ok(json("1")), 7).await;
    let run = cast.run(lease.run).await;
    assert_eq!(run.state.kind, StateType::Cancelled);
    assert!(run.outcome.unwrap().is_err());
}

pub async fn a_waiting_run_is_claimed_to_clean_up<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(timer(1, 60))).await;
    cast.wait(lease, &[1], 1).await.unwrap();
    cast.store.cancel(lease.run, at(5)).await.unwrap();
    let claimed = cast.claim_only(5).await;
    assert_eq!(claimed.run.state.kind, StateType::Cancelling);
    assert_eq!(claimed.journal_len, 1);
}

/// A replay begins at the time at which the first execution began.
pub async fn a_run_cancelled_before_it_said_so_has_begun<S: Store>(cast: Cast<S>) {
    let run = cast.create(new_run("etl")).await;
    let lease = cast.claim_only(1).await.lease;
    let cancelled = cast.store.cancel(run, at(2)).await;
    assert_eq!(cancelled, Ok(Cancellation::Told));
    let begins = |progress: &mut Progress| {
        progress.states.push(State::running(1, at(1)));
        progress.entries.push(task(1));
    };
    let recorded = cast.try_record(lease, begins).await;
    assert_eq!(recorded, Ok(Recorded::Cancelling));
    let begun = cast.run(run).await;
    assert_eq!(begun.state.kind, StateType::Cancelling);
    assert_eq!(begun.started, Some(at(1)));
}

pub async fn a_subflow_cannot_be_cancelled_alone<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let part = subflow(lease.run, "part");
    let id = part.id;
    cast.go_on(lease, |progress| {
        progress.subflows.push(SubflowChange::Begin(Box::new(part)));
    })
    .await;
    let (run, within) = (id, lease.run);
    let refused = Err(StoreError::Subflow { run, within });
    assert_eq!(cast.store.cancel(id, at(5)).await, refused);
}

pub async fn a_new_attempt_keeps_what_was_finished<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |progress| {
        progress.entries = vec![task(1), task(2), timer(3, 60)];
        progress.settled = vec![Settled {
            seq: Seq(1),
            at: at(2),
            settlement: Settlement::Task(Ok(json("1"))),
        }];
        progress.settled.push(Settled {
            seq: Seq(2),
            at: at(3),
            settlement: Settlement::Task(failure()),
        });
    })
    .await;
    cast.end(lease, failure(), 4).await;
    let kept = || async {
        let kept = cast.store.kept(lease.run).await.unwrap();
        kept.iter().map(|entry| entry.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, [0u64; 0]);

    let run = cast.store.retry(lease.run, false, at(5)).await.unwrap();
    assert_eq!((run.state.kind, run.attempt), (StateType::Scheduled, 2));
    assert_eq!((run.ended, run.outcome), (None, None));
    assert_eq!(kept().await, [1]);
    let claimed = cast.claim_only(5).await;
    assert_eq!((claimed.journal_len, claimed.run.attempt), (0, 2));
    cast.go_on(claimed.lease, |p| p.states.push(State::running(2, at(6))))
        .await;
    cast.end(claimed.lease, failure(), 7).await;

    cast.store.retry(lease.run, true, at(8)).await.unwrap();
    assert_eq!(kept().await, [0u64; 0]);
}

/// As calls with one idempotency key do.
pub async fn a_run_that_two_calls_have_started_is_kept_once<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let mut child = new_run("part");
    child.run.parent = Some(lease.run);
    let id = child.run.id;
    cast.go_on(lease, |progress| {
        progress.entries = vec![start(1, &child.run), start(2, &child.run)];
        progress.children = vec![child];
    })
    .await;
    cast.end(lease, failure(), 3).await;
    cast.store.retry(lease.run, false, at(4)).await.unwrap();
    let kept = cast.store.kept(lease.run).await.unwrap();
    let runs = kept.iter().map(|entry| match &entry.answer {
        Answer::Run { run } => Some(run.id),
        _ => None,
    });
    assert_eq!(runs.collect::<Vec<_>>(), [Some(id)]);
}

pub async fn only_what_is_over_is_tried_again<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let state = StateType::Running;
    let run = lease.run;
    let refused = cast.store.retry(run, false, at(5)).await.unwrap_err();
    assert_eq!(refused, StoreError::NotOver { run, state });
}

pub async fn a_wait_ends_at_its_time_at_the_latest<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(timer(1, 99))).await;
    cast.go_on(lease, |progress| {
        progress.states.push(State::waiting(at(2)));
        progress.next = Next::Wait {
            awaited: vec![Seq(1)],
            count: 1,
            until: Some(at(50)),
            waits: Waits::default(),
        };
    })
    .await;
    assert!(cast.claim(9, 49).await.is_empty());
    assert_eq!(cast.claim_only(50).await.run.id, lease.run);
}
