//! Runs that find no slot of a limit, and what they do then.

use std::sync::Arc;

use model::{
    Collision, Event, FlowRun, Priority, RunId, State, StateName, StateType, Taking, Timestamp,
};

use super::cast::{Cast, SetClock, at, json, new_run};
use super::events::read;
use super::limits::{make, name};
use super::offering::wait_for_runs;
use crate::{NewRun, Store};

/// A run that takes a slot of each of these.
fn taking(limits: &[(&str, Collision)]) -> NewRun {
    let taken = limits.iter().map(|(limit, collision)| Taking {
        limit: name(limit),
        line: String::new(),
        slots: 1,
        collision: *collision,
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

/// What a run takes first says what becomes of it, whatever the names of its limits are.
pub async fn what_finds_no_slot_says_what_becomes_of_a_run<S: Store>(cast: Cast<S>) {
    for (own, other) in [("a", "b"), ("b", "a")] {
        let (own, other) = (format!("{own}-own"), format!("{other}-{own}"));
        make(&cast, &own, 1, None).await;
        make(&cast, &other, 1, None).await;
        let both = [(&*own, Collision::CancelNew), (&*other, Collision::Enqueue)];
        // The other limit has none: it is waited for.
        let holder = cast.create(taking(&both[1..])).await;
        let holds = cast.claim_only(0).await;
        assert_eq!(holds.run.id, holder);
        let waits = cast.create(taking(&both)).await;
        assert!(cast.claim(9, 1).await.is_empty());
        let state = cast.run(waits).await.state;
        assert_eq!(state.name, StateName::AWAITING_CONCURRENCY_SLOT);
        let said = format!("limit `{other}` has no free slot");
        assert_eq!(state.message, Some(said));
        cast.go_on(holds.lease, |p| p.states.push(State::running(1, at(1))))
            .await;
        cast.end(holds.lease, Ok(json("1")), 1).await;
        let holds = cast.claim_only(1).await;
        assert_eq!(holds.run.id, waits);
        // Its own has none: that is not waited for, although the other has none, either.
        let turned_away = cast.create(taking(&both)).await;
        assert!(cast.claim(9, 2).await.is_empty());
        assert_eq!(cast.state(turned_away).await, StateType::Cancelled);
    }
}

/// A run that makes others go is claimed with them, and before them.
pub async fn who_makes_others_go_does_not_harm_a_claim_of_both<S: Store>(cast: Cast<S>) {
    make(&cast, "one", 1, None).await;
    let run = |priority: u8| {
        let new = taking(&[("one", Collision::CancelOld)]);
        NewRun {
            run: FlowRun {
                priority: Priority::new(priority).unwrap(),
                ..new.run
            },
            ..new
        }
    };
    // It has a slot, and nobody executes it.
    let old = cast.create(run(50)).await;
    let lease = cast.claim_only(0).await.lease;
    cast.store.sign_off(lease.worker, at(1)).await.unwrap();
    let w2 = cast.hire("w2", 3600).await;
    let new = cast.create(run(1)).await;
    let claimed = cast.try_claim(w2, 9, 2).await.unwrap();
    let ids: Vec<RunId> = claimed.iter().map(|it| it.run.id).collect();
    assert_eq!(ids, [new]);
    assert_eq!(cast.state(old).await, StateType::Cancelled);
}

/// A claim that waits for others tells of those that it does not let start.
pub async fn a_claim_that_waits_tells_of_runs_that_are_turned_away<S: Store>(cast: Cast<S>) {
    make(&cast, "one", 1, None).await;
    cast.create(taking(&[("one", Collision::CancelNew)])).await;
    cast.claim_only(0).await;
    let later = |second: i64, collision| {
        let new = taking(&[("one", collision)]);
        NewRun {
            run: FlowRun {
                scheduled: at(second),
                ..new.run
            },
            ..new
        }
    };
    let turned_away = cast.create(later(10, Collision::CancelNew)).await;
    let waits = cast.create(later(10, Collision::Enqueue)).await;
    let begin = cast.store.newest_event().await.unwrap();
    let clock = Arc::new(SetClock::new(0));
    let waiting = wait_for_runs(&cast, cast.w1, 9, clock.clone());
    clock.set(10);
    cast.store.look_again();
    // It looks by itself: nothing else is written that would carry what it has found.
    let mut looks = 0;
    while cast.state(turned_away).await != StateType::Cancelled {
        looks += 1;
        assert!(looks < 5000, "it is not turned away");
        tokio::task::yield_now().await;
    }
    waiting.offer.withdraw();
    cast.store.look_again();
    assert!(waiting.claimed.await.unwrap().is_empty());
    let mut told: Vec<(RunId, StateName, Timestamp)> = Vec::new();
    for placed in read(&cast.store, begin, 9).await {
        if let Event::FlowRun(it) = placed.event {
            told.push((it.run, it.state.name, it.state.at));
        }
    }
    let awaits = StateName::AWAITING_CONCURRENCY_SLOT;
    let expect = [
        (turned_away, StateName::CANCELLED, at(10)),
        (waits, awaits, at(10)),
    ];
    assert_eq!(told, expect);
}
