//! What runs ask people for, and what comes of it.

use super::cast::*;
use crate::{Cancellation, Next, Recorded, Store, StoreError, StoreResult, SubflowChange};
use model::{AwaitedInput, Json, Lease, RunId, Settlement, State, StateName, StateType};

/// A run that waits for inputs, each with its key, as calls 1 and up.
async fn suspended<S: Store>(cast: &Cast<S>, keys: &[&str]) -> Lease {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |progress| {
        let inputs = (1..).zip(keys);
        progress.entries = inputs.map(|(seq, key)| input(seq, key, None)).collect();
    })
    .await;
    let all: Vec<u64> = (1..).take(keys.len()).collect();
    let count = keys.len() as u32;
    assert_eq!(cast.wait(lease, &all, count).await, Ok(Recorded::Done));
    lease
}

async fn awaited<S: Store>(cast: &Cast<S>, run: RunId) -> Vec<AwaitedInput> {
    cast.store.awaited_inputs(run).await.unwrap()
}

async fn keys<S: Store>(cast: &Cast<S>, run: RunId) -> Vec<String> {
    let awaited = awaited(cast, run).await;
    awaited.into_iter().map(|input| input.key).collect()
}

async fn give<S: Store>(
    cast: &Cast<S>,
    run: RunId,
    input: &AwaitedInput,
    value: &str,
    second: i64,
) -> StoreResult<()> {
    cast.store
        .give_input(run, input.id, json(value), at(second))
        .await
}

fn given(value: &str) -> Settlement {
    Settlement::Input(Ok(json(value)))
}

async fn settlement<S: Store>(cast: &Cast<S>, run: RunId, seq: u64) -> Option<Settlement> {
    let journal = cast.store.journal(run).await.unwrap();
    let settled = journal[seq as usize - 1].settled.clone();
    settled.map(|(_, settlement)| settlement)
}

pub async fn what_is_given_wakes_the_run<S: Store>(cast: Cast<S>) {
    let lease = suspended(&cast, &["ok"]).await;
    let inputs = awaited(&cast, lease.run).await;
    assert_eq!((inputs.len(), inputs[0].key.as_str()), (1, "ok"));
    assert_eq!(inputs[0].run, lease.run);
    assert_eq!(inputs[0].schema, json(r#"{"type":"boolean"}"#));
    assert!(cast.claim(9, 9).await.is_empty());

    assert_eq!(give(&cast, lease.run, &inputs[0], "true", 10).await, Ok(()));
    assert_eq!(awaited(&cast, lease.run).await, []);
    let claimed = cast.claim_only(10).await;
    assert_eq!(claimed.run.state.name, StateName::RESUMING);
    assert_eq!(settlement(&cast, lease.run, 1).await, Some(given("true")));
}

pub async fn an_input_is_given_once<S: Store>(cast: Cast<S>) {
    let lease = suspended(&cast, &["ok"]).await;
    let inputs = awaited(&cast, lease.run).await;
    give(&cast, lease.run, &inputs[0], "true", 10)
        .await
        .unwrap();
    let again = give(&cast, lease.run, &inputs[0], "false", 11).await;
    let run = lease.run;
    assert_eq!(again, Err(StoreError::InputNotAwaited { run }));
    assert_eq!(settlement(&cast, lease.run, 1).await, Some(given("true")));
}

pub async fn several_inputs_come_in_any_order<S: Store>(cast: Cast<S>) {
    let lease = suspended(&cast, &["first", "second"]).await;
    assert_eq!(keys(&cast, lease.run).await, ["first", "second"]);
    let inputs = awaited(&cast, lease.run).await;
    give(&cast, lease.run, &inputs[1], "true", 10)
        .await
        .unwrap();
    assert_eq!(keys(&cast, lease.run).await, ["first"]);
    assert!(cast.claim(9, 20).await.is_empty());
    give(&cast, lease.run, &inputs[0], "false", 21)
        .await
        .unwrap();
    assert_eq!(cast.claim_only(21).await.run.id, lease.run);
    assert_eq!(cast.settled(lease.run, &[1, 2]).await, [2, 1]);
}

/// A run that does something else meanwhile keeps its lease, and finds it in its journal.
pub async fn input_may_come_while_the_run_is_executed<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(input(1, "ok", None)))
        .await;
    let inputs = awaited(&cast, lease.run).await;
    give(&cast, lease.run, &inputs[0], "true", 3).await.unwrap();
    assert_eq!(cast.settled(lease.run, &[1]).await, [1]);
    assert_eq!(cast.wait(lease, &[1], 1).await, Ok(Recorded::Ready));
}

pub async fn input_that_is_not_given_in_time_is_refused<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(input(1, "ok", Some(50))))
        .await;
    cast.wait(lease, &[1], 1).await.unwrap();
    let inputs = awaited(&cast, lease.run).await;
    assert_eq!(inputs[0].until, Some(at(50)));
    assert_eq!(cast.store.next_due(None, at(9)).await, Ok(Some(at(50))));
    assert_eq!(cast.store.settle_due(at(49), 9).await, Ok(0));
    assert_eq!(cast.store.settle_due(at(50), 9).await, Ok(1));

    let late = give(&cast, lease.run, &inputs[0], "true", 51).await;
    let run = lease.run;
    assert_eq!(late, Err(StoreError::InputNotAwaited { run }));
    let settlement = settlement(&cast, lease.run, 1).await;
    assert!(matches!(settlement, Some(Settlement::Input(Err(_)))));
    assert_eq!(cast.claim_only(51).await.run.id, lease.run);
    // One that is given in time is not late any more.
    let again = cast.running("etl").await;
    cast.go_on(again, |p| p.entries.push(input(1, "ok", Some(60))))
        .await;
    let inputs = awaited(&cast, again.run).await;
    give(&cast, again.run, &inputs[0], "true", 55)
        .await
        .unwrap();
    assert_eq!(cast.store.settle_due(at(99), 9).await, Ok(0));
}

pub async fn a_run_that_ends_takes_no_input<S: Store>(cast: Cast<S>) {
    let cancelled = suspended(&cast, &["ok"]).await;
    let inputs = awaited(&cast, cancelled.run).await;
    let told = cast.store.cancel(cancelled.run, at(5)).await;
    assert_eq!(told, Ok(Cancellation::Told));
    assert_eq!(awaited(&cast, cancelled.run).await, []);
    let run = cancelled.run;
    let refused = give(&cast, run, &inputs[0], "true", 6).await;
    assert_eq!(refused, Err(StoreError::InputNotAwaited { run }));
    assert_eq!(cast.claim_only(6).await.run.id, run);

    let over = cast.running("etl").await;
    cast.go_on(over, |p| p.entries.push(input(1, "ok", None)))
        .await;
    cast.end(over, Ok(Json::null()), 7).await;
    assert_eq!(awaited(&cast, over.run).await, []);
}

pub async fn a_paused_run_goes_on_with_its_input<S: Store>(cast: Cast<S>) {
    let lease = suspended(&cast, &["ok"]).await;
    cast.store.pause(lease.run, at(5)).await.unwrap();
    assert_eq!(cast.state(lease.run).await, StateType::Paused);
    let inputs = awaited(&cast, lease.run).await;
    give(&cast, lease.run, &inputs[0], "true", 10)
        .await
        .unwrap();
    assert_eq!(cast.claim_only(10).await.run.id, lease.run);
}

pub async fn a_subflow_asks_for_itself<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let part = subflow(lease.run, "part");
    let id = part.id;
    cast.go_on(lease, |progress| {
        progress.entries = vec![
            begun(1, &part),
            input(2, "own", None),
            within(1, input(3, "parts", None)),
        ];
        progress.subflows.push(SubflowChange::Begin(Box::new(part)));
    })
    .await;
    assert_eq!(keys(&cast, lease.run).await, ["own", "parts"]);
    let parts = awaited(&cast, id).await;
    assert_eq!((parts.len(), parts[0].key.as_str()), (1, "parts"));
    assert_eq!(parts[0].run, id);
    give(&cast, id, &parts[0], "true", 5).await.unwrap();
    assert_eq!(settlement(&cast, lease.run, 3).await, Some(given("true")));
    assert_eq!(keys(&cast, lease.run).await, ["own"]);
}

/// Nobody is asked again for what they have given already.
pub async fn a_new_attempt_keeps_what_was_given<S: Store>(cast: Cast<S>) {
    let lease = suspended(&cast, &["first", "second", "third"]).await;
    let inputs = awaited(&cast, lease.run).await;
    give(&cast, lease.run, &inputs[0], "true", 5).await.unwrap();
    give(&cast, lease.run, &inputs[1], "false", 6)
        .await
        .unwrap();
    cast.store.cancel(lease.run, at(7)).await.unwrap();
    let claimed = cast.claim_only(7).await;
    cast.end(claimed.lease, failure(), 8).await;
    cast.store.retry(lease.run, false, at(9)).await.unwrap();

    assert_eq!(awaited(&cast, lease.run).await, []);
    let kept = cast.store.kept(lease.run).await.unwrap();
    let kept: Vec<_> = kept.into_iter().map(|entry| entry.seq.0).collect();
    assert_eq!(kept, [1, 2]);
    let claimed = cast.claim_only(9).await;
    cast.go_on(claimed.lease, |progress| {
        progress.states.push(State::running(2, at(10)));
        progress.entries.push(input(1, "third", None));
    })
    .await;
    assert_eq!(keys(&cast, lease.run).await, ["third"]);
}

pub async fn a_suspended_run_survives_its_worker<S: Store>(cast: Cast<S>) {
    let lease = suspended(&cast, &["ok"]).await;
    cast.store.rescue(&[cast.w1], at(3)).await.unwrap();
    let w2 = cast.hire("w2", 3600).await;
    let inputs = awaited(&cast, lease.run).await;
    give(&cast, lease.run, &inputs[0], "true", 5).await.unwrap();
    let claimed = cast.try_claim(w2, 9, 5).await.unwrap();
    assert_eq!(claimed[0].run.id, lease.run);
    assert_eq!(claimed[0].journal_len, 1);
    cast.go_on(claimed[0].lease, |p| {
        p.states.push(State::running(1, at(6)))
    })
    .await;
    cast.go_on(claimed[0].lease, |progress| {
        let outcome = Ok(json("1"));
        progress.states.push(State::ended(&outcome, at(7)));
        progress.next = Next::End { outcome };
    })
    .await;
}
