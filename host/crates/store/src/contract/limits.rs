//! Limits across runs: who has slots, who waits, and in which order.

use std::time::Duration;

use model::{
    AskedPermit, Collision, Concurrency, Deployment, FlowRun, Lease, Limit, LimitName, RunId, Seq,
    State, StateName, StateType, Taker, Taking, Waits,
};

use super::cast::{Cast, at, component, deployment, failure, json, new_run, task};
use crate::{LimitChange, NewRun, Next, Progress, Recorded, Store};

pub(super) fn name(text: &str) -> LimitName {
    text.parse().unwrap()
}

pub(super) async fn make<S: Store>(cast: &Cast<S>, text: &str, slots: u32, per: Option<u64>) {
    let limit = Limit {
        name: name(text),
        slots,
        per: per.map(Duration::from_secs),
        created: at(0),
    };
    cast.store.create_limit(limit).await.unwrap();
}

/// A run that takes a slot of each of these limits: `name` or `name:line`.
pub(super) fn taking(limits: &[&str]) -> NewRun {
    taking_or(limits, Collision::Enqueue)
}

fn taking_or(limits: &[&str], collision: Collision) -> NewRun {
    let taken = limits.iter().map(|text| {
        let (limit, line) = text.split_once(':').unwrap_or((text, ""));
        Taking {
            limit: name(limit),
            line: line.to_owned(),
            slots: 1,
            collision,
        }
    });
    let new = new_run("etl");
    NewRun {
        run: FlowRun {
            limits: taken.collect(),
            ..new.run
        },
        ..new
    }
}

async fn claimed<S: Store>(cast: &Cast<S>, second: i64) -> Vec<RunId> {
    let claimed = cast.claim(100, second).await;
    claimed.iter().map(|claimed| claimed.run.id).collect()
}

/// What a run that waits has of a limit, and how many wait for it.
pub(super) async fn used<S: Store>(cast: &Cast<S>, limit: &str) -> (u64, u64) {
    let all = cast.store.limits().await.unwrap();
    let found = all.iter().find(|it| it.limit.name == name(limit)).unwrap();
    (found.taken, found.waiting)
}

async fn end<S: Store>(cast: &Cast<S>, lease: Lease, second: i64) {
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(second)));
    })
    .await;
    cast.end(lease, Ok(json("1")), second).await;
}

pub async fn a_limit_is_created_changed_and_deleted<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 2, None).await;
    make(&cast, "api", 10, Some(60)).await;
    let again = Limit {
        name: name("db"),
        slots: 1,
        per: None,
        created: at(0),
    };
    let refused = cast.store.create_limit(again).await.unwrap_err();
    assert_eq!(refused.to_string(), "limit `db` exists already");
    let change = LimitChange {
        slots: Some(5),
        per: None,
    };
    let changed = cast.store.change_limit(&name("api"), change).await.unwrap();
    assert_eq!(
        (changed.slots, changed.per),
        (5, Some(Duration::from_secs(60)))
    );
    let listed = cast.store.limits().await.unwrap();
    let names: Vec<_> = listed.into_iter().map(|it| it.limit.name).collect();
    assert_eq!(names, [name("api"), name("db")]);
    cast.store.delete_limit(&name("db")).await.unwrap();
    let refused = cast.store.delete_limit(&name("db")).await.unwrap_err();
    assert_eq!(refused.to_string(), "limit `db` does not exist");
    let refused = cast
        .store
        .change_limit(&name("db"), change)
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "limit `db` does not exist");
}

pub async fn a_run_waits_for_a_slot_in_its_place_and_is_not_ready<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 1, None).await;
    let first = cast.create(taking(&["db"])).await;
    let second = cast.create(taking(&["db"])).await;
    let third = cast.create(taking(&["db"])).await;
    let free = cast.create(new_run("etl")).await;
    let leases = cast.claim(100, 1).await;
    let ids: Vec<_> = leases.iter().map(|it| it.run.id).collect();
    assert_eq!(
        ids,
        [first, free],
        "others are not held up by those that wait"
    );
    assert_eq!(used(&cast, "db").await, (1, 2));
    let waits = cast.run(second).await.state;
    assert_eq!(waits.kind, StateType::Scheduled);
    assert_eq!(waits.name, StateName::AWAITING_CONCURRENCY_SLOT);
    assert_eq!(
        waits.message.as_deref(),
        Some("limit `db` has no free slot")
    );
    let permits = cast.store.permits(&name("db"), 9).await.unwrap();
    let who: Vec<_> = permits
        .iter()
        .map(|it| (it.run, it.granted.is_some()))
        .collect();
    assert_eq!(who, [(first, true), (second, false), (third, false)]);

    // A run that waits holds its slot; one that comes later does not pass those before it.
    end(&cast, leases[1].lease, 2).await;
    let late = cast.create(taking(&["db"])).await;
    assert!(claimed(&cast, 2).await.is_empty());
    end(&cast, leases[0].lease, 3).await;
    assert_eq!(claimed(&cast, 3).await, [second]);
    // Who is cancelled while it waits leaves the line.
    cast.store.cancel(third, at(4)).await.unwrap();
    assert_eq!(cast.state(third).await, StateType::Cancelled);
    assert_eq!(used(&cast, "db").await, (1, 1));
    cast.store.cancel(second, at(4)).await.unwrap();
    let cleaning = cast.store.flow_run(second).await.unwrap().unwrap();
    assert_eq!(
        cleaning.state.kind,
        StateType::Cancelling,
        "it has the slot until it is over"
    );
    assert_eq!(used(&cast, "db").await, (1, 1));
    assert_eq!(cast.state(late).await, StateType::Scheduled);
}

pub async fn a_slot_stays_with_its_run_when_its_worker_is_lost<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 1, None).await;
    let run = cast.create(taking(&["db"])).await;
    let other = cast.create(taking(&["db"])).await;
    assert_eq!(claimed(&cast, 0).await, [run]);
    let w2 = cast.hire("w2", 3600).await;
    cast.store.rescue(&[cast.w1], at(5)).await.unwrap();
    let again = cast.try_claim(w2, 9, 6).await.unwrap();
    assert_eq!(again[0].run.id, run, "it goes on, whoever executes it");
    assert_eq!(again.len(), 1);
    end(&cast, again[0].lease, 7).await;
    let next = cast.try_claim(w2, 9, 8).await.unwrap();
    assert_eq!(next[0].run.id, other);
    // And with the next attempt; a retry of what is over asks anew.
    cast.go_on(next[0].lease, |progress| {
        progress.states.push(State::running(1, at(8)));
    })
    .await;
    cast.end(next[0].lease, failure(), 9).await;
    assert_eq!(used(&cast, "db").await, (0, 0));
    cast.store.retry(other, false, at(10)).await.unwrap();
    assert_eq!(cast.try_claim(w2, 9, 10).await.unwrap().len(), 1);
    assert_eq!(used(&cast, "db").await, (1, 0));
}

pub async fn all_limits_are_had_or_none<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 1, None).await;
    make(&cast, "gpu", 1, None).await;
    let db = cast.create(taking(&["db"])).await;
    let both = cast
        .create(taking(&["db", "gpu", "nothing-of-this-name"]))
        .await;
    let gpu = cast.create(taking(&["gpu"])).await;
    let leases = cast.claim(9, 0).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].run.id, db);
    // It has not taken the slot that is free, but nobody passes it there.
    assert_eq!(used(&cast, "gpu").await, (0, 2));
    end(&cast, leases[0].lease, 1).await;
    let leases = cast.claim(9, 1).await;
    assert_eq!(leases[0].run.id, both);
    assert_eq!(leases.len(), 1);
    end(&cast, leases[0].lease, 2).await;
    assert_eq!(claimed(&cast, 2).await, [gpu]);
}

pub async fn lines_of_a_limit_do_not_count_against_each_other<S: Store>(cast: Cast<S>) {
    make(&cast, "customer", 1, None).await;
    let mut runs = Vec::new();
    for line in ["customer:a", "customer:a", "customer:b"] {
        runs.push(cast.create(taking(&[line])).await);
    }
    assert_eq!(claimed(&cast, 0).await, [runs[0], runs[2]]);
    assert_eq!(used(&cast, "customer").await, (2, 1));
}

pub async fn a_smaller_limit_drains_and_a_larger_one_lets_more_go<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 3, None).await;
    for _ in 0..6 {
        cast.create(taking(&["db"])).await;
    }
    let leases = cast.claim(9, 0).await;
    assert_eq!(leases.len(), 3);
    let slots = |slots| LimitChange {
        slots: Some(slots),
        per: None,
    };
    cast.store
        .change_limit(&name("db"), slots(1))
        .await
        .unwrap();
    for lease in &leases[..2] {
        end(&cast, lease.lease, 1).await;
        assert!(claimed(&cast, 1).await.is_empty());
    }
    end(&cast, leases[2].lease, 1).await;
    assert_eq!(claimed(&cast, 1).await.len(), 1);
    cast.store
        .change_limit(&name("db"), slots(2))
        .await
        .unwrap();
    assert_eq!(claimed(&cast, 1).await.len(), 1);
    cast.store.delete_limit(&name("db")).await.unwrap();
    assert_eq!(
        claimed(&cast, 1).await.len(),
        1,
        "there is nothing to wait for"
    );
}

pub async fn a_limit_without_slots_lets_nobody_go<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 0, None).await;
    let run = cast.create(taking(&["db"])).await;
    assert!(claimed(&cast, 1).await.is_empty());
    assert_eq!(used(&cast, "db").await, (0, 1));
    let one = LimitChange {
        slots: Some(1),
        per: None,
    };
    cast.store.change_limit(&name("db"), one).await.unwrap();
    assert_eq!(claimed(&cast, 2).await, [run]);
}

pub async fn a_rate_limit_gives_its_slots_again_once_their_time_has_passed<S: Store>(
    cast: Cast<S>,
) {
    make(&cast, "api", 2, Some(60)).await;
    for _ in 0..3 {
        cast.create(taking(&["api"])).await;
    }
    let leases = cast.claim(9, 1).await;
    assert_eq!(leases.len(), 2);
    // That a run is over gives nothing back.
    end(&cast, leases[0].lease, 2).await;
    assert!(claimed(&cast, 3).await.is_empty());
    assert_eq!(
        cast.store.next_due(None, at(3)).await.unwrap(),
        Some(at(61))
    );
    assert_eq!(cast.store.settle_due(at(60), 9).await.unwrap(), 0);
    assert!(cast.store.settle_due(at(61), 9).await.unwrap() > 0);
    assert_eq!(claimed(&cast, 61).await.len(), 1);
    assert_eq!(cast.store.next_due(None, at(61)).await.unwrap(), None);
}

pub async fn a_run_that_is_paused_while_it_waits_asks_anew<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 1, None).await;
    let first = cast.create(taking(&["db"])).await;
    let second = cast.create(taking(&["db"])).await;
    let third = cast.create(taking(&["db"])).await;
    let leases = cast.claim(9, 0).await;
    assert_eq!(leases[0].run.id, first);
    cast.store.pause(second, at(1)).await.unwrap();
    assert_eq!(used(&cast, "db").await, (1, 1));
    end(&cast, leases[0].lease, 2).await;
    let leases = cast.claim(9, 2).await;
    assert_eq!(leases[0].run.id, third);
    cast.store.resume(second, at(3)).await.unwrap();
    assert!(claimed(&cast, 3).await.is_empty());
    assert_eq!(used(&cast, "db").await, (1, 1));
    end(&cast, leases[0].lease, 4).await;
    assert_eq!(claimed(&cast, 4).await, [second]);
}

pub async fn a_run_may_give_way_or_make_others_go<S: Store>(cast: Cast<S>) {
    make(&cast, "one", 1, None).await;
    let old = cast.create(taking(&["one"])).await;
    let old_lease = cast.claim(9, 0).await.remove(0).lease;
    let turned_away = cast.create(taking_or(&["one"], Collision::CancelNew)).await;
    assert!(claimed(&cast, 1).await.is_empty());
    let run = cast.run(turned_away).await;
    assert_eq!(run.state.kind, StateType::Cancelled);
    assert_eq!(used(&cast, "one").await, (1, 0));

    let waiting = cast.create(taking(&["one"])).await;
    assert!(claimed(&cast, 2).await.is_empty());
    let new = cast.create(taking_or(&["one"], Collision::CancelOld)).await;
    assert!(claimed(&cast, 3).await.is_empty());
    assert_eq!(cast.state(waiting).await, StateType::Cancelled);
    assert_eq!(cast.state(old).await, StateType::Cancelling);
    // One that comes while it cleans up cancels only who waits.
    let newer = cast.create(taking_or(&["one"], Collision::CancelOld)).await;
    assert!(claimed(&cast, 4).await.is_empty());
    assert_eq!(cast.state(new).await, StateType::Cancelled);
    cast.end(old_lease, Ok(json("1")), 5).await;
    assert_eq!(claimed(&cast, 5).await, [newer]);
}

pub async fn a_deployment_has_a_limit_of_its_own<S: Store>(cast: Cast<S>) {
    let bytes = b"wasm".to_vec();
    cast.store
        .put_component(component(&bytes), bytes)
        .await
        .unwrap();
    let with = |slots: Option<u32>| Deployment {
        concurrency: slots.map(|slots| Concurrency {
            slots,
            collision: Collision::CancelNew,
            keys: vec!["customer".to_owned()],
        }),
        limits: vec![name("db")],
        ..deployment("etl/nightly")
    };
    cast.store.deploy(vec![with(Some(3))]).await.unwrap();
    let kept = cast
        .store
        .deployment(&with(None).name)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.concurrency, with(Some(3)).concurrency);
    assert_eq!(kept.limits, [name("db")]);
    let slots = async || {
        let all = cast.store.limits().await.unwrap();
        all.iter().map(|it| it.limit.slots).collect::<Vec<_>>()
    };
    assert_eq!(slots().await, [3]);
    cast.store.deploy(vec![with(Some(1))]).await.unwrap();
    assert_eq!(slots().await, [1]);
    cast.store.deploy(vec![with(None)]).await.unwrap();
    assert!(slots().await.is_empty());
    cast.store.deploy(vec![with(Some(1))]).await.unwrap();
    cast.store
        .delete_deployment(&with(None).name)
        .await
        .unwrap();
    assert!(slots().await.is_empty());
}

/// A call of a run asks for a slot of a limit.
fn asks(progress: &mut Progress, seq: u64, limit: &str, second: i64) {
    progress.permits.asked.push(AskedPermit {
        by: Taker::Task(Seq(seq)),
        takes: taking(&[limit]).run.limits,
        at: at(second),
    });
}

async fn permitted<S: Store>(cast: &Cast<S>, lease: Lease, calls: &[u64]) -> Vec<u64> {
    let calls: Vec<Seq> = calls.iter().copied().map(Seq).collect();
    let found = cast.store.permitted(lease.run, &calls).await.unwrap();
    found.iter().map(|seq| seq.0).collect()
}

/// Waits for tasks, of which these wait for slots.
async fn waits<S: Store>(cast: &Cast<S>, lease: Lease, calls: &[u64]) -> Recorded {
    let awaited: Vec<Seq> = calls.iter().copied().map(Seq).collect();
    let recorded = cast.try_record(lease, |progress| {
        progress.permits.awaited = awaited.clone();
        progress.states.push(State::waiting(at(2)));
        progress.next = Next::Wait {
            count: awaited.len() as u32,
            awaited,
            until: None,
            waits: Waits::default(),
        };
    });
    recorded.await.unwrap()
}

pub async fn a_call_waits_for_a_slot_and_its_run_is_ready_once_it_has_it<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 1, None).await;
    let holder = cast.running("one").await;
    cast.go_on(holder, |progress| {
        progress.entries.push(task(1));
        asks(progress, 1, "db", 1);
    })
    .await;
    assert_eq!(permitted(&cast, holder, &[1]).await, [1]);
    let waiter = cast.running("other").await;
    cast.go_on(waiter, |progress| {
        progress.entries.extend([task(1), task(2)]);
        asks(progress, 1, "db", 1);
        asks(progress, 2, "db", 1);
    })
    .await;
    assert_eq!(used(&cast, "db").await, (1, 2));
    assert!(permitted(&cast, waiter, &[1, 2]).await.is_empty());
    assert_eq!(waits(&cast, waiter, &[1, 2]).await, Recorded::Done);
    assert!(
        claimed(&cast, 3).await.is_empty(),
        "it holds no slot and is not ready"
    );

    cast.go_on(holder, |progress| {
        progress
            .permits
            .given_back
            .push((Taker::Task(Seq(1)), at(4)))
    })
    .await;
    let again = cast.claim_only(4).await;
    assert_eq!(again.run.id, waiter.run);
    assert_eq!(permitted(&cast, again.lease, &[1, 2]).await, [1]);
    // What was granted before the wait was recorded keeps the run going.
    cast.go_on(again.lease, |progress| {
        progress.states.push(State::running(1, at(5)));
        progress
            .permits
            .given_back
            .push((Taker::Task(Seq(1)), at(5)));
    })
    .await;
    assert_eq!(waits(&cast, again.lease, &[2]).await, Recorded::Ready);
}

pub async fn calls_that_nobody_executes_any_more_have_no_slots<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 9, None).await;
    let lease = async |flow: &str| {
        let lease = cast.running(flow).await;
        cast.go_on(lease, |progress| {
            progress.entries.push(task(1));
            asks(progress, 1, "db", 1);
        })
        .await;
        lease
    };
    let (ended, paused, released) = (lease("a").await, lease("b").await, lease("c").await);
    let lost = lease("d").await;
    assert_eq!(used(&cast, "db").await, (4, 0));
    cast.end(ended, failure(), 2).await;
    assert_eq!(used(&cast, "db").await, (3, 0));
    cast.store.pause(paused.run, at(3)).await.unwrap();
    assert_eq!(
        used(&cast, "db").await,
        (3, 0),
        "its worker has not stopped yet"
    );
    let recorded = cast.try_record(paused, |_| {}).await;
    assert_eq!(recorded, Ok(Recorded::Paused));
    assert_eq!(used(&cast, "db").await, (2, 0));
    cast.go_on(released, |progress| {
        progress.states.push(State::scheduled(at(4)));
        progress.next = Next::Release {
            at: at(4),
            failed: None,
        };
    })
    .await;
    assert_eq!(used(&cast, "db").await, (1, 0));
    assert_eq!(cast.state(lost.run).await, StateType::Running);
    cast.store.rescue(&[cast.w1], at(5)).await.unwrap();
    assert_eq!(used(&cast, "db").await, (0, 0));
}

pub async fn who_computes_for_the_cache_does_it_alone_for_its_key<S: Store>(cast: Cast<S>) {
    // Nobody has made this limit, and nobody sees it.
    let asks = |progress: &mut Progress, seq: u64, line: &str| {
        let taking = Taking {
            limit: LimitName::of_cache(),
            line: line.to_owned(),
            slots: 1,
            collision: Collision::Enqueue,
        };
        progress.permits.asked.push(AskedPermit {
            by: Taker::Task(Seq(seq)),
            takes: vec![taking],
            at: at(1),
        });
    };
    let one = cast.running("one").await;
    cast.go_on(one, |progress| {
        progress.entries.push(task(1));
        asks(progress, 1, "a");
    })
    .await;
    let other = cast.running("other").await;
    cast.go_on(other, |progress| {
        progress.entries.extend([task(1), task(2)]);
        asks(progress, 1, "a");
        asks(progress, 2, "b");
    })
    .await;
    assert!(cast.store.limits().await.unwrap().is_empty());
    assert_eq!(permitted(&cast, one, &[1]).await, [1]);
    assert_eq!(permitted(&cast, other, &[1, 2]).await, [2]);
    cast.end(one, Ok(json("1")), 2).await;
    assert_eq!(permitted(&cast, other, &[1, 2]).await, [1, 2]);
    let known = [LimitName::of_cache(), name("db")];
    make(&cast, "db", 1, None).await;
    let known = cast.store.known_limits(&known).await;
    assert_eq!(known, Ok(vec![name("db")]));
}

/// Whether it is stopped as it asks, or goes on before it has stopped.
pub async fn calls_of_a_run_that_is_paused_have_no_slots<S: Store>(cast: Cast<S>) {
    make(&cast, "db", 9, None).await;
    let asking = async |lease: Lease| {
        cast.try_record(lease, |progress| {
            progress.entries.push(task(1));
            asks(progress, 1, "db", 1);
        })
        .await
    };
    let first = cast.running("a").await;
    cast.store.pause(first.run, at(2)).await.unwrap();
    assert_eq!(asking(first).await, Ok(Recorded::Paused));
    assert_eq!(used(&cast, "db").await, (0, 0));
    let second = cast.running("b").await;
    assert_eq!(asking(second).await, Ok(Recorded::Done));
    cast.store.pause(second.run, at(2)).await.unwrap();
    assert_eq!(used(&cast, "db").await, (1, 0));
    cast.store.resume(second.run, at(3)).await.unwrap();
    assert_eq!(used(&cast, "db").await, (0, 0));
}
