use super::*;
use model::{
    DeploymentName, Json, LastSlot, RunId, ScheduleId, ScheduleName, ScheduleOrigin, Timetable,
};
use proptest::prelude::*;

const EVERY_MS: u64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

fn schedule(catch_up: CatchUp, overlap: Overlap) -> Schedule {
    let id = RunId::generate().0;
    Schedule {
        id: ScheduleId(id),
        deployment: "etl/nightly".parse::<DeploymentName>().unwrap(),
        name: ScheduleName::trusted("tens"),
        rule: ScheduleRule {
            timetable: Timetable::Interval {
                every_ms: EVERY_MS,
                anchor: at(0),
            },
            timezone: "UTC".to_owned(),
            parameters: Json::empty_object(),
            start: None,
            end: None,
            catch_up,
            overlap,
        },
        is_paused: false,
        origin: ScheduleOrigin::Added,
        created: at(0),
        updated: at(0),
        next: Some(at(10)),
        last: None,
        is_held: false,
    }
}

/// `slots -> next`, in seconds.
fn shown(due: &Due) -> String {
    let seconds = |at: &Timestamp| (at.0 / 1_000_000).to_string();
    let slots: Vec<String> = due.slots.iter().map(seconds).collect();
    let next = due.next.as_ref().map_or("none".to_owned(), seconds);
    let held = match (due.is_held, due.cancels_last) {
        (false, _) => "",
        (true, false) => ", held",
        (true, true) => ", held, cancels",
    };
    format!("{} -> {next}{held}", slots.join(" "))
}

#[track_caller]
fn check(catch_up: CatchUp, overlap: Overlap, is_last_live: bool, now: i64, expect: &str) {
    let schedule = schedule(catch_up, overlap);
    let calendar = Calendar::new(&schedule.rule).unwrap();
    let due = due(&schedule, &calendar, is_last_live, at(now));
    assert_eq!(shown(&due), expect, "{catch_up} {overlap} {now}");
}

#[test]
fn a_slot_that_has_come_makes_a_run() {
    for catch_up in [CatchUp::None, CatchUp::Latest, CatchUp::All] {
        check(catch_up, Overlap::Allow, false, 9, " -> 10");
        check(catch_up, Overlap::Allow, false, 10, "10 -> 20");
        // A look that comes a little late misses none.
        check(catch_up, Overlap::Allow, true, 35, "10 20 30 -> 40");
    }
}

#[test]
fn slots_that_were_missed_are_caught_up_with_as_the_schedule_says() {
    // Those of the last minute have not been missed.
    let minute = "940 950 960 970 980 990 1000 -> 1010";
    check(CatchUp::None, Overlap::Allow, false, 1000, minute);
    check(CatchUp::Latest, Overlap::Allow, false, 1000, minute);
    let mut rare = schedule(CatchUp::Latest, Overlap::Allow);
    rare.rule.timetable = Timetable::Interval {
        every_ms: 1_000_000,
        anchor: at(10),
    };
    let calendar = Calendar::new(&rare.rule).unwrap();
    let looked = |catch_up| {
        let mut rare = rare.clone();
        rare.rule.catch_up = catch_up;
        shown(&due(&rare, &calendar, false, at(2500)))
    };
    assert_eq!(looked(CatchUp::None), " -> 3010");
    assert_eq!(looked(CatchUp::Latest), "2010 -> 3010");
    assert_eq!(looked(CatchUp::All), "10 1010 2010 -> 3010");
}

#[test]
fn what_is_much_is_made_in_parts() {
    let schedule = schedule(CatchUp::All, Overlap::Allow);
    let calendar = Calendar::new(&schedule.rule).unwrap();
    let due = due(&schedule, &calendar, false, at(100_000));
    assert_eq!((due.slots.len(), due.next), (SLOTS_AT_ONCE, Some(at(1010))));
}

#[test]
fn a_slot_that_meets_the_last_run_does_as_the_schedule_says() {
    let check = |overlap, is_last_live, expect| {
        check(CatchUp::Latest, overlap, is_last_live, 35, expect);
    };
    check(Overlap::Skip, true, " -> 40");
    check(Overlap::Skip, false, "10 -> 40");
    check(Overlap::Queue, true, " -> 10, held");
    check(Overlap::Queue, false, "10 -> 20");
    check(Overlap::CancelPrevious, true, " -> 10, held, cancels");
    check(Overlap::CancelPrevious, false, "30 -> 40");
}

#[test]
fn an_edit_keeps_the_slot_unless_it_changes_the_times() {
    let before = schedule(CatchUp::All, Overlap::Allow);
    let calendar = Calendar::new(&before.rule).unwrap();
    let mut rule = before.rule.clone();
    rule.overlap = Overlap::Skip;
    let next = next_after_edit(&before, &rule, &calendar, at(500));
    assert_eq!(next, Some(at(10)), "it has come, and nobody has seen it");
    rule.end = Some(at(900));
    let next = next_after_edit(&before, &rule, &calendar, at(500));
    assert_eq!(next, Some(at(510)));
    // The clock was put back.
    let mut made = before;
    let run = RunId::generate();
    made.last = Some(LastSlot { slot: at(700), run });
    let next = next_after_edit(&made, &rule, &calendar, at(500));
    assert_eq!(next, Some(at(710)));
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// So many seconds pass; fewer than none if the clock is put back.
    Passes(i64),
    LastRunEnds,
    Look,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0i64..30).prop_map(Happening::Passes),
        1 => (-200i64..5_000).prop_map(Happening::Passes),
        2 => Just(Happening::LastRunEnds),
        6 => Just(Happening::Look),
    ]
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(move |at| all[at])
}

proptest! {
    /// Whatever the clock does, and however long nobody looks.
    #[test]
    fn no_slot_is_made_twice_and_none_is_lost(
        catch_up in one_of(&CatchUp::ALL),
        overlap in one_of(&Overlap::ALL),
        happenings in prop::collection::vec(happening(), 0..80),
    ) {
        let mut schedule = schedule(catch_up, overlap);
        let calendar = Calendar::new(&schedule.rule).unwrap();
        let (mut now, mut latest) = (0, 0);
        let mut made: Vec<Timestamp> = Vec::new();
        let mut live = 0;
        for happening in happenings {
            match happening {
                Happening::Passes(seconds) => now = (now + seconds).max(0),
                Happening::LastRunEnds => live = 0,
                Happening::Look => {
                    latest = latest.max(now);
                    let due = due(&schedule, &calendar, live > 0, at(now));
                    prop_assert!(due.next >= schedule.next, "{due:?}");
                    prop_assert!(due.slots.len() <= SLOTS_AT_ONCE);
                    if due.is_held {
                        prop_assert!(live > 0 && due.slots.is_empty());
                        prop_assert_eq!(due.next, schedule.next);
                    }
                    for slot in due.slots {
                        prop_assert!(slot <= at(now), "it has not come");
                        prop_assert!(made.last().is_none_or(|last| *last < slot), "twice");
                        made.push(slot);
                        live += 1;
                    }
                    if overlap != Overlap::Allow {
                        prop_assert!(live <= 1, "two at once");
                    }
                    schedule.next = due.next;
                }
            }
        }
        if catch_up == CatchUp::All && overlap == Overlap::Allow {
            let next = schedule.next.unwrap();
            let slots = (1..).map(|n| at(n * 10)).take_while(|slot| *slot < next);
            prop_assert_eq!(made, slots.collect::<Vec<_>>(), "one was lost");
        }
    }
}
