//! What a run went through is kept: its attempts, waits and workers.

use super::cast::*;
use crate::{Next, Store, SubflowChange, TaskRunFilter};
use model::{
    Argument, Awaited, Call, Failure, FailureKind, HoldsJson, Lease, Seq, State, TaskLine, Waits,
    attempts,
};

async fn fail_attempt<S: Store>(cast: &Cast<S>, lease: Lease, why: &str, second: i64) {
    cast.go_on(lease, |progress| {
        let state = State::awaiting_retry(at(second)).because("tried again");
        progress.states.push(state);
        progress.next = Next::Release {
            at: at(second),
            failed: Some(Failure::new(FailureKind::Error, why)),
        };
    })
    .await;
}

pub async fn each_attempt_keeps_its_worker_and_its_cause<S: Store>(cast: Cast<S>) {
    let first = cast.running("etl").await;
    fail_attempt(&cast, first, "no route", 5).await;
    let w2 = cast.hire("w2", 3600).await;
    let second = cast.try_claim(w2, 1, 5).await.unwrap().remove(0).lease;
    cast.go_on(second, |p| p.states.push(State::running(2, at(6))))
        .await;
    cast.end(second, Ok(json("1")), 9).await;
    assert_eq!(
        cast.lines(first.run).await,
        "Scheduled 0, Pending 1 by w1, Running 1, AwaitingRetry 1 since no route, \
         Pending 2 by w2, Retrying 2, Completed 2"
    );
    let history = cast.store.history(first.run).await.unwrap();
    let attempts = attempts(&history);
    let causes: Vec<_> = attempts.iter().map(|it| it.cause.clone()).collect();
    assert_eq!(
        causes,
        [Some(Failure::new(FailureKind::Error, "no route")), None]
    );

    // A person's retry opens one more.
    let failed = cast.running("load").await;
    cast.end(failed, failure(), 9).await;
    cast.store.retry(failed.run, true, at(20)).await.unwrap();
    assert_eq!(
        cast.lines(failed.run).await,
        "Scheduled 0, Pending 1 by w1, Running 1, Failed 1 since it broke, Scheduled 2"
    );
}

pub async fn the_worker_of_a_line_is_known_when_it_is_gone<S: Store>(cast: Cast<S>) {
    let w2 = cast.hire("w2", 3600).await;
    let id = cast.create(new_run("etl")).await;
    cast.try_claim(w2, 1, 0).await.unwrap();
    cast.store.rescue(&[w2], at(5)).await.unwrap();
    let w3 = cast.hire("w3", 3600).await;
    let again = cast.try_claim(w3, 1, 5).await.unwrap().remove(0).lease;
    cast.store.sign_off(w3, at(6)).await.unwrap();
    assert_eq!(again.run, id);
    assert_eq!(
        cast.lines(id).await,
        "Scheduled 0, Pending 1 by w2, Rescued 1 by w2, Pending 1 by w3, Rescued 1 by w3"
    );
}

pub async fn who_cleans_up_is_named_at_the_end<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.store.cancel(lease.run, at(2)).await.unwrap();
    cast.store.rescue(&[cast.w1], at(5)).await.unwrap();
    let w2 = cast.hire("w2", 3600).await;
    let cleaning = cast.try_claim(w2, 9, 5).await.unwrap().remove(0).lease;
    cast.end(cleaning, failure(), 6).await;
    assert_eq!(
        cast.lines(lease.run).await,
        "Scheduled 0, Pending 1 by w1, Running 1, Cancelling 1, \
         Cancelled 1 by w2 since the flow run was cancelled"
    );
}

pub async fn a_wait_says_what_it_is_for<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let waits = Waits {
        first: vec![Awaited::Timer {
            seq: Seq(1),
            duration_ms: 7_200_000,
        }],
        count: 1,
        any: false,
    };
    cast.go_on(lease, |progress| {
        progress.entries.push(timer(1, 60));
        // It has just begun.
        progress.states.push(waits.state(at(2)));
        progress.next = Next::Wait {
            awaited: vec![Seq(1)],
            count: 1,
            until: None,
            waits: waits.clone(),
        };
    })
    .await;
    let run = cast.run(lease.run).await;
    assert_eq!(run.state.message.as_deref(), Some("waits for timer of 2h"));
    assert_eq!(
        cast.lines(lease.run).await,
        "Scheduled 0, Pending 1 by w1, Running 1, Waiting 1 for timer of 2h"
    );
    cast.store.pause(lease.run, at(3)).await.unwrap();
    cast.store.resume(lease.run, at(4)).await.unwrap();
    let history = cast.store.history(lease.run).await.unwrap();
    assert_eq!(history[3].waits, Some(waits));
    assert_eq!(history[3].state, run.state);
    let says = |n: usize| (history[n].state.name.to_string(), history[n].attempt);
    assert_eq!(says(4), ("Paused".to_owned(), 1));
    assert_eq!(says(5), ("Scheduled".to_owned(), 1));
}

pub async fn timers_and_inputs_of_an_attempt_outlive_its_journal<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| {
        p.entries = vec![task(1), timer(2, 5), input(3, "approval", None)]
    })
    .await;
    cast.store.settle_due(at(5), 9).await.unwrap();
    let latest = cast.store.calls(lease.run, 1).await.unwrap();
    assert_eq!(latest.len(), 3);
    assert_eq!((latest[1].settled, latest[2].settled), (Some(at(5)), None));
    assert!(latest.iter().all(|call| call.answer.is_some()));
    fail_attempt(&cast, lease, "no route", 6).await;
    let again = cast.claim_only(6).await.lease;
    cast.go_on(again, |p| {
        p.states.push(State::running(2, at(7)));
        p.entries.push(timer(1, 99));
    })
    .await;

    let past = cast.store.calls(lease.run, 1).await.unwrap();
    let calls: Vec<_> = past
        .iter()
        .map(|it| (it.seq.0, it.at, it.settled))
        .collect();
    assert_eq!(calls, [(2, at(1), Some(at(5))), (3, at(1), None)]);
    assert!(matches!(&past[1].call, Call::Input { key, .. } if key == "approval"));

    // So does what an attempt called that a person tries again from scratch.
    cast.end(again, failure(), 8).await;
    cast.store.retry(lease.run, true, at(9)).await.unwrap();
    assert_eq!(cast.store.calls(lease.run, 1).await, Ok(past));
    let second = cast.store.calls(lease.run, 2).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(cast.store.calls(lease.run, 3).await, Ok(vec![]));
}

pub async fn a_task_run_keeps_each_attempt<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let mut task = super::reading::task_run(lease.run, 1);
    task.history.clear();
    task.begin_attempt(1, cast.w1, at(1));
    task.history.push(TaskLine {
        cause: Some(Failure::new(FailureKind::TimedOut, "too slow")),
        ..State::awaiting_retry(at(2)).into()
    });
    let w2 = cast.hire("w2", 3600).await;
    task.begin_attempt(2, w2, at(3));
    cast.go_on(lease, |p| p.task_runs.push(task.clone())).await;
    let read = async || {
        let all = TaskRunFilter::default();
        let mut found = cast.store.newest_task_runs(&all, 0).await.unwrap();
        found.remove(0)
    };
    let kept = read().await;
    assert_eq!(kept.worker, Some(w2));
    assert_eq!(kept.attempts(), task.attempts());
    assert_eq!(kept.attempts()[0].worker, Some(cast.w1));

    // The run ends without it.
    cast.end(lease, failure(), 4).await;
    let over = read().await;
    assert_eq!(
        over.history.last(),
        Some(&TaskLine::ended(&failure(), at(4)))
    );
}

pub async fn subflows_and_children_are_relatives<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "inner");
    let (mut child, mut of_inner) = (new_run("load"), new_run("load"));
    child.run.parent = Some(lease.run);
    of_inner.run.parent = Some(inner.id);
    let ids = [inner.id, child.run.id, of_inner.run.id];
    cast.go_on(lease, |progress| {
        progress.entries = vec![
            begun(1, &inner),
            start(2, &child.run),
            start(3, &of_inner.run),
        ];
        let begun = SubflowChange::Begin(Box::new(inner));
        progress.subflows.push(begun);
        progress.children = vec![child, of_inner];
    })
    .await;
    // Another's child is none of its relatives.
    let other = cast.create(new_run("other")).await;
    let found = cast.store.relatives(lease.run).await.unwrap();
    let mut found_ids: Vec<_> = found.iter().map(|it| it.id).collect();
    found_ids.sort_unstable();
    let mut expect = ids.to_vec();
    expect.sort_unstable();
    assert_eq!(found_ids, expect);
    let of_inner = found.iter().find(|it| it.id == ids[2]).unwrap();
    assert_eq!((of_inner.parent, of_inner.within), (Some(ids[0]), None));
    assert_eq!(cast.store.relatives(other).await, Ok(vec![]));

    let histories = cast.store.histories(&[ids[1], other]).await.unwrap();
    let one = cast.store.history(ids[1]).await.unwrap();
    assert_eq!(histories[0], (ids[1], one));
    assert_eq!((histories[1].0, histories[1].1.len()), (other, 1));
}

/// A run of thousands of calls is read for one page.
pub async fn calls_are_read_without_large_values<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let with = |seq: u64, argument: &str| {
        let mut entry = task(seq);
        if let Call::Task(call) = &mut entry.call {
            call.wait_for = vec![Seq(1)];
            let value = Argument::Value(json(argument));
            call.arguments = vec![("rows".to_owned(), value)];
        }
        entry
    };
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let in_row = with(3, &format!("\"{}\"", "x".repeat(20_000)));
    let (small, large) = (with(1, "7"), with(2, &large));
    cast.go_on(lease, |progress| {
        progress.entries.extend([small.clone(), large, in_row]);
    })
    .await;
    let calls = cast.store.calls(lease.run, 1).await.unwrap();
    assert_eq!(calls[0].call, small.call);
    // One of 20 KB stands in its row, and is left out there.
    calls[2].each_json(&mut |json| assert!(json.as_str().len() < 4096));
    let Call::Task(call) = &calls[1].call else {
        panic!("{:?}", calls[1]);
    };
    assert_eq!(call.wait_for, [Seq(1)]);
    calls[1].each_json(&mut |json| assert!(json.as_str().len() < 4096));
}
