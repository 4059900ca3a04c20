//! Schedules: what is due, and that a slot makes one run whoever asks for it.

use std::time::Duration;

use super::cast::*;
use crate::{DueSchedule, Missing, NewRun, ScheduleChange, ScheduleStep, Store, StoreError};
use model::{
    CatchUp, DeploymentName, LastSlot, Overlap, Schedule, ScheduleId, ScheduleName, ScheduleOrigin,
    ScheduleRule, State, Timestamp, Timetable, WorkerId,
};

fn rule() -> ScheduleRule {
    ScheduleRule {
        timetable: Timetable::Interval {
            every_ms: 10_000,
            anchor: at(0),
        },
        timezone: "Europe/Berlin".to_owned(),
        parameters: json(r#"{"n":1.10}"#),
        start: Some(at(1)),
        end: None,
        catch_up: CatchUp::All,
        overlap: Overlap::CancelPrevious,
    }
}

/// A schedule of a deployment that there is.
async fn scheduled<S: Store>(cast: &Cast<S>, name: &str, next: i64) -> Schedule {
    let made = deployment("etl/nightly");
    let deployment = made.name.clone();
    cast.store.deploy(vec![made]).await.unwrap();
    let schedule = Schedule {
        id: ScheduleId(new_run("etl").run.id.0),
        deployment,
        name: ScheduleName::trusted(name),
        rule: rule(),
        is_paused: false,
        origin: ScheduleOrigin::Deployed,
        created: at(0),
        updated: at(0),
        next: Some(at(next)),
        last: None,
        is_held: false,
    };
    cast.store.add_schedule(schedule.clone()).await.unwrap();
    schedule
}

/// The names of those that are due, and which of their last runs are not over.
async fn due<S: Store>(cast: &Cast<S>, second: i64) -> Vec<(String, bool)> {
    let due = cast.store.due_schedules(at(second), 100).await.unwrap();
    let shown = |due: DueSchedule| (due.schedule.name.to_string(), due.is_last_live);
    due.into_iter().map(shown).collect()
}

fn step(schedule: &Schedule, runs: Vec<NewRun>, next: i64) -> ScheduleStep {
    let slot = schedule.next.unwrap();
    let last = runs.last().map(|new| LastSlot {
        slot,
        run: new.run.id,
    });
    ScheduleStep {
        id: schedule.id,
        seen: (schedule.next, schedule.updated),
        runs,
        next: Some(at(next)),
        last,
        is_held: false,
    }
}

async fn stored<S: Store>(cast: &Cast<S>, id: ScheduleId) -> Schedule {
    cast.store.schedule(id).await.unwrap().unwrap()
}

pub async fn a_schedule_is_what_it_was_when_it_is_read<S: Store>(cast: Cast<S>) {
    let one = scheduled(&cast, "nights", 10).await;
    let other = scheduled(&cast, "days", 5).await;
    assert_eq!(stored(&cast, one.id).await, one);
    let of = |name: &str| name.parse::<DeploymentName>().unwrap();
    let all = cast.store.schedules(None).await.unwrap();
    assert_eq!(all, [other.clone(), one.clone()]);
    let of_it = cast.store.schedules(Some(&of("etl/nightly"))).await;
    assert_eq!(of_it.unwrap(), all);
    let of_another = cast.store.schedules(Some(&of("etl/daily"))).await;
    assert_eq!(of_another.unwrap(), []);
    let again = cast.store.add_schedule(Schedule {
        id: ScheduleId(new_run("etl").run.id.0),
        ..one.clone()
    });
    let exists = StoreError::ScheduleExists {
        deployment: one.deployment.clone(),
        name: one.name.clone(),
    };
    assert_eq!(again.await, Err(exists));
    let deployment = of("etl/gone");
    let strange = cast.store.add_schedule(Schedule {
        id: ScheduleId(new_run("etl").run.id.0),
        deployment: deployment.clone(),
        ..one.clone()
    });
    let missing = StoreError::NotFound(Missing::Deployment(deployment));
    assert_eq!(strange.await, Err(missing));
    cast.store.delete_schedule(one.id).await.unwrap();
    let gone = StoreError::NotFound(Missing::Schedule(one.id));
    assert_eq!(cast.store.delete_schedule(one.id).await, Err(gone));
    // A deployment takes its schedules with it.
    cast.store.delete_deployment(&one.deployment).await.unwrap();
    assert_eq!(cast.store.schedules(None).await.unwrap(), []);
}

pub async fn schedules_are_due_from_their_slots_on_the_earliest_first<S: Store>(cast: Cast<S>) {
    let nights = scheduled(&cast, "nights", 20).await;
    let days = scheduled(&cast, "days", 10).await;
    assert_eq!(cast.store.next_slot().await.unwrap(), Some(at(10)));
    assert_eq!(due(&cast, 9).await, []);
    assert_eq!(due(&cast, 10).await, [("days".to_owned(), false)]);
    let both = [("days".to_owned(), false), ("nights".to_owned(), false)];
    assert_eq!(due(&cast, 20).await, both);
    let change = |is_paused| ScheduleChange {
        is_paused: Some(is_paused),
        ..ScheduleChange::default()
    };
    let changed = cast.store.change_schedule(days.id, change(true), at(3));
    let changed = changed.await.unwrap();
    assert_eq!((changed.is_paused, changed.updated), (true, at(3)));
    assert_eq!(due(&cast, 20).await, [("nights".to_owned(), false)]);
    assert_eq!(cast.store.next_slot().await.unwrap(), Some(at(20)));
    let resumed = ScheduleChange {
        next: Some(Some(at(90))),
        ..change(false)
    };
    let resumed = cast.store.change_schedule(days.id, resumed, at(4));
    assert_eq!(resumed.await.unwrap().next, Some(at(90)));
    let over = ScheduleChange {
        next: Some(None),
        ..ScheduleChange::default()
    };
    let over = cast.store.change_schedule(nights.id, over, at(4)).await;
    assert_eq!(over.unwrap().next, None);
    assert_eq!(due(&cast, 89).await, []);
}

/// Two that decide about the same slot make one run of it, and so does one whose schedule was
/// changed meanwhile.
pub async fn a_slot_is_decided_about_once<S: Store>(cast: Cast<S>) {
    let schedule = scheduled(&cast, "nights", 10).await;
    let (first, second) = (new_run("etl"), new_run("etl"));
    let (id, never) = (first.run.id, second.run.id);
    let moved = cast.store.move_schedule(step(&schedule, vec![first], 20));
    assert_eq!(moved.await, Ok(true));
    let late = cast.store.move_schedule(step(&schedule, vec![second], 20));
    assert_eq!(late.await, Ok(false));
    assert!(cast.store.flow_run(never).await.unwrap().is_none());
    let moved = stored(&cast, schedule.id).await;
    let last = LastSlot {
        slot: at(10),
        run: id,
    };
    assert_eq!((moved.next, moved.last), (Some(at(20)), Some(last)));
    assert_eq!(due(&cast, 20).await, [("nights".to_owned(), true)]);
    let paused = ScheduleChange {
        is_paused: Some(true),
        ..ScheduleChange::default()
    };
    // By a clock that stands still.
    let paused = cast.store.change_schedule(moved.id, paused, moved.updated);
    assert!(paused.await.unwrap().updated > moved.updated);
    let stale = step(&moved, vec![new_run("etl")], 30);
    assert_eq!(cast.store.move_schedule(stale).await, Ok(false));
}

pub async fn a_schedule_is_held_until_its_last_run_is_over<S: Store>(cast: Cast<S>) {
    let schedule = scheduled(&cast, "nights", 10).await;
    let made = step(&schedule, vec![new_run("etl")], 20);
    cast.store.move_schedule(made).await.unwrap();
    let moved = stored(&cast, schedule.id).await;
    let hold = ScheduleStep {
        is_held: true,
        last: None,
        ..step(&moved, Vec::new(), 20)
    };
    assert_eq!(cast.store.move_schedule(hold).await, Ok(true));
    assert_eq!(due(&cast, 500).await, []);
    assert_eq!(cast.store.next_slot().await.unwrap(), None);
    let lease = cast.claim_only(21).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(1, at(21))))
        .await;
    cast.end(lease, Ok(json("1")), 22).await;
    assert_eq!(due(&cast, 22).await, [("nights".to_owned(), false)]);
    let held = stored(&cast, schedule.id).await;
    let goes_on = step(&held, Vec::new(), 30);
    cast.store.move_schedule(goes_on).await.unwrap();
    assert_eq!(due(&cast, 30).await, [("nights".to_owned(), false)]);
}

pub async fn one_at_a_time_has_the_turn_to_make_runs_of_schedules<S: Store>(cast: Cast<S>) {
    let [one, other] = [1, 2].map(|_| WorkerId(new_run("etl").run.id.0));
    let take = async |holder, now: Timestamp| {
        let taken = cast.store.take_turn(holder, now, Duration::from_secs(10));
        taken.await.unwrap()
    };
    assert!(take(one, at(100)).await);
    assert!(!take(other, at(109)).await);
    assert!(take(one, at(109)).await, "it is renewed");
    assert!(!take(other, at(118)).await);
    assert!(take(other, at(119)).await, "it is over");
    cast.store.end_turn(one).await.unwrap();
    assert!(!take(one, at(120)).await, "it was not its own");
    cast.store.end_turn(other).await.unwrap();
    assert!(take(one, at(120)).await);
    // The clock was put back by a minute, and whoever has the turn is gone.
    assert!(take(other, at(60)).await);
}

pub async fn the_next_slots_of_deployments_are_told<S: Store>(cast: Cast<S>) {
    let first = scheduled(&cast, "first", 30).await;
    let earlier = scheduled(&cast, "earlier", 10).await;
    let other = deployment("etl/weekly").name;
    let nightly = first.deployment.clone();
    let next = async || {
        let asked = [other.clone(), nightly.clone()];
        cast.store.next_slots(&asked).await.unwrap()
    };
    assert_eq!(next().await, [(nightly.clone(), at(10))].into());
    let paused = ScheduleChange {
        is_paused: Some(true),
        ..ScheduleChange::default()
    };
    for (schedule, left) in [(earlier, Some(30)), (first, None)] {
        let change = cast
            .store
            .change_schedule(schedule.id, paused.clone(), at(5));
        change.await.unwrap();
        let left = left.map(|second| (nightly.clone(), at(second)));
        assert_eq!(next().await, left.into_iter().collect());
    }
    assert_eq!(cast.store.next_slots(&[]).await.unwrap(), [].into());
}
