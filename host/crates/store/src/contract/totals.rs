//! Totals of runs that have ended.

use std::time::Duration;

use super::cast::*;
use crate::{ByState, Next, Store, SubflowChange, Tallied, TallyFilter, Tallying};
use model::{Lease, Outcome, State, StateType, Timestamp};

/// Ends a run at a time of the present.
async fn end_at<S: Store>(cast: &Cast<S>, lease: Lease, outcome: Outcome, at: Timestamp) {
    cast.go_on(lease, |progress| {
        progress.states.push(State::ended(&outcome, at));
        progress.next = Next::End { outcome };
    })
    .await;
}

/// A run of the flow that has been running since then.
async fn running_since<S: Store>(cast: &Cast<S>, flow: &str, since: Timestamp) -> Lease {
    let id = cast.create(new_run(flow)).await;
    let claimed = cast.claim_only(1).await;
    assert_eq!(claimed.run.id, id);
    cast.go_on(claimed.lease, |progress| {
        progress.states.push(State::running(1, since));
    })
    .await;
    claimed.lease
}

/// Half an hour that is over, by the clock of the store, and begins with a minute.
fn half_an_hour<S: Store>(cast: &Cast<S>) -> (Timestamp, impl Fn(u64) -> Timestamp) {
    let now = cast.store.clock().now();
    let begin = Timestamp((now.0 / 60_000_000 - 40) * 60_000_000);
    (begin, move |second| {
        begin.after(Duration::from_secs(second))
    })
}

fn tallied(count: u64, seconds: u64) -> Tallied {
    Tallied {
        count,
        total_ms: seconds * 1000,
    }
}

fn by_state(states: &[(StateType, Tallied)]) -> ByState {
    states.iter().copied().collect()
}

pub async fn ends_are_counted_by_time_and_state<S: Store>(cast: Cast<S>) {
    let (begin, second) = half_an_hour(&cast);
    let mut ends = Vec::new();
    for (flow, seconds, outcome) in [
        ("etl", 30, Ok(json("1"))),
        ("etl", 59, Ok(json("1"))),
        ("load", 61, failure()),
        ("etl", 1_740, Ok(json("1"))),
        ("etl", 1_800, Ok(json("1"))),
    ] {
        let lease = running_since(&cast, flow, begin).await;
        end_at(&cast, lease, outcome, second(seconds)).await;
        ends.push(lease.run);
    }
    let tallies = |filter: TallyFilter, bins: u32| {
        let tallying = Tallying {
            filter,
            from: begin,
            to: second(1_800),
            bins,
        };
        let store = &cast.store;
        async move { store.tallies(&tallying).await.unwrap() }
    };
    let (completed, failed) = (StateType::Completed, StateType::Failed);
    let all = tallies(TallyFilter::default(), 30).await;
    assert_eq!((all.from, all.bin_minutes, all.bins.len()), (begin, 1, 30));
    assert_eq!(all.bins[0], by_state(&[(completed, tallied(2, 89))]));
    assert_eq!(all.bins[1], by_state(&[(failed, tallied(1, 61))]));
    assert_eq!(all.bins[29], by_state(&[(completed, tallied(1, 1_740))]));
    assert!(all.bins[2..29].iter().all(ByState::is_empty));
    assert_eq!(all.sum()[&completed], tallied(3, 1_829));
    let of = |flows: &[&str], deployments: &[&str]| TallyFilter {
        flows: flows.iter().map(|name| flow(name)).collect(),
        deployments: deployments.iter().map(|it| it.parse().unwrap()).collect(),
    };
    let etl = tallies(of(&["etl", "none"], &[]), 3).await;
    assert_eq!(etl.bin_minutes, 10);
    assert_eq!(etl.bins[0], by_state(&[(completed, tallied(2, 89))]));
    let load = tallies(of(&[], &["load/load-deployment"]), 1).await;
    assert_eq!(load.sum(), by_state(&[(failed, tallied(1, 61))]));
    let neither = tallies(of(&["etl"], &["load/load-deployment"]), 1).await;
    assert!(neither.sum().is_empty());

    // Of all time each flow and deployment is counted for itself.
    let by_origin = cast.store.totals_by_origin().await;
    let by_origin: Vec<_> = by_origin
        .unwrap()
        .into_iter()
        .map(|it| (it.deployment.unwrap().to_string(), it.states))
        .collect();
    let expect = [
        (
            "etl/etl-deployment".to_owned(),
            by_state(&[(completed, tallied(4, 3_629))]),
        ),
        (
            "load/load-deployment".to_owned(),
            by_state(&[(failed, tallied(1, 61))]),
        ),
    ];
    assert_eq!(by_origin, expect);
}

pub async fn a_run_is_counted_by_the_end_that_it_has_now<S: Store>(cast: Cast<S>) {
    let (begin, second) = half_an_hour(&cast);
    let sum = || {
        let tallying = Tallying {
            filter: TallyFilter::default(),
            from: begin,
            to: second(1_800),
            bins: 3,
        };
        let store = &cast.store;
        async move { store.tallies(&tallying).await.unwrap().sum() }
    };
    let first = running_since(&cast, "etl", begin).await;
    end_at(&cast, first, failure(), second(10)).await;
    let counted = sum().await;
    assert_eq!(counted[&StateType::Failed], tallied(1, 10));

    let retried = cast.store.retry(first.run, false, second(20)).await;
    assert_eq!(retried.unwrap().id, first.run);
    let none = Tallied::default();
    assert_eq!(
        sum().await.get(&StateType::Failed).copied().unwrap_or(none),
        none
    );
    let now = cast.store.clock().now();
    let again = cast.store.claim(crate::Claim {
        worker: cast.w1,
        pool: Some(pool("default-pool")),
        queues: Vec::new(),
        count: 1,
        now,
    });
    let again = again.await.unwrap().remove(0).lease;
    cast.go_on(again, |progress| {
        progress.states.push(State::running(2, second(60)));
    })
    .await;
    // A record that is refused counts for nothing.
    let stale = cast
        .try_record(first, |progress| {
            progress.states.push(State::ended(&failure(), second(65)));
            progress.next = Next::End { outcome: failure() };
        })
        .await;
    assert!(stale.is_err());
    end_at(&cast, again, Ok(json("1")), second(70)).await;
    let counted = sum().await;
    assert_eq!(counted[&StateType::Completed], tallied(1, 10));
    let failed = counted.get(&StateType::Failed).copied();
    assert_eq!(failed.unwrap_or(none), none);
}

pub async fn subflows_are_counted_under_their_flows<S: Store>(cast: Cast<S>) {
    let (begin, second) = half_an_hour(&cast);
    let lease = running_since(&cast, "etl", begin).await;
    let mut inner = subflow(lease.run, "inner");
    inner.started = Some(second(1));
    inner.state.at = second(1);
    cast.go_on(lease, |progress| {
        let begun = SubflowChange::Begin(Box::new(inner));
        progress.subflows.push(begun);
    })
    .await;
    end_at(&cast, lease, failure(), second(4)).await;
    let found = cast.store.totals_by_origin().await;
    let found: Vec<_> = found
        .unwrap()
        .into_iter()
        .map(|it| (it.flow.to_string(), it.deployment.is_some(), it.states))
        .collect();
    let failed = |seconds| by_state(&[(StateType::Failed, tallied(1, seconds))]);
    let expect = [
        ("etl".to_owned(), true, failed(4)),
        ("inner".to_owned(), false, failed(3)),
    ];
    assert_eq!(found, expect);
}
