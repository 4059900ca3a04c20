//! Two schedulers on one store: whatever their clocks say, however they interleave and wherever one
//! of them dies, each slot makes one run, and as many runs of a schedule live as it allows.

extern crate orch_host_operations as operations;

use std::sync::Arc;

use futures::future::join;
use futures::poll;
use model::{
    CatchUp, Deployment, FlowRun, Json, Overlap, RunId, Schedule, ScheduleId, ScheduleName,
    ScheduleOrigin, ScheduleRule, State, StateType, Timestamp, Timetable, WorkerId,
};
use operations::schedules::Scheduler;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::contract::{Cast, cast};
use store::{Catalog as _, PageRequest, Reading as _, RunFilter, Schedules as _};
use store_sqlite::SqliteStore;

/// Slots are so many seconds apart.
const EVERY: i64 = 10;

/// What happens between two looks.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// So many seconds pass; fewer than none if the clock is put back.
    Passes(i64),
    /// Both look at once; the clock of the second differs by so many seconds.
    Look(i64),
    /// One looks, and dies after so many steps of its work.
    Dies(u32),
    /// A worker takes up to so many runs and ends them.
    Ends(u32),
    /// A person pauses the schedule or lets it go on.
    Toggles(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (1_i64..40).prop_map(Happening::Passes),
        1 => (-100_i64..400).prop_map(Happening::Passes),
        4 => (-15_i64..15).prop_map(Happening::Look),
        2 => (1_u32..12).prop_map(Happening::Dies),
        3 => (1_u32..8).prop_map(Happening::Ends),
        1 => (0_usize..4).prop_map(Happening::Toggles),
    ]
}

fn schedule(overlap: Overlap, catch_up: CatchUp) -> Schedule {
    Schedule {
        id: ScheduleId(RunId::generate().0),
        deployment: cast::deployment("etl/nightly").name,
        name: ScheduleName::trusted(overlap.as_str()),
        rule: ScheduleRule {
            timetable: Timetable::Interval {
                every_ms: EVERY as u64 * 1000,
                anchor: cast::at(0),
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
        created: cast::at(0),
        updated: cast::at(0),
        next: Some(cast::at(EVERY)),
        last: None,
        is_held: false,
    }
}

/// As the story counts them.
fn second(at: Timestamp) -> i64 {
    (at.0 - cast::at(0).0) / 1_000_000
}

struct World {
    cast: Cast<SqliteStore>,
    schedules: Vec<Schedule>,
    schedulers: [Scheduler; 2],
    now: i64,
    /// The latest that any clock has shown.
    latest: i64,
}

impl World {
    async fn new(dir: &std::path::Path) -> Self {
        let store = SqliteStore::open(dir.join("orch.db")).unwrap();
        let cast = Cast::on(store.clone()).await;
        let deployment: Deployment = cast::deployment("etl/nightly");
        cast.store.deploy(vec![deployment]).await.unwrap();
        let schedules = vec![
            schedule(Overlap::Allow, CatchUp::All),
            schedule(Overlap::Skip, CatchUp::Latest),
            schedule(Overlap::Queue, CatchUp::All),
            schedule(Overlap::CancelPrevious, CatchUp::None),
        ];
        for schedule in &schedules {
            cast.store.add_schedule(schedule.clone()).await.unwrap();
        }
        let store = Arc::new(store);
        let scheduler = || Scheduler::new(Arc::clone(&store) as _, WorkerId(RunId::generate().0));
        Self {
            cast,
            schedules,
            schedulers: [scheduler(), scheduler()],
            now: 0,
            latest: 0,
        }
    }

    fn clock(&mut self, skew: i64) -> Timestamp {
        let shown = (self.now + skew).max(0);
        self.latest = self.latest.max(shown);
        cast::at(shown)
    }

    async fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Passes(seconds) => self.now = (self.now + seconds).max(0),
            Happening::Look(skew) => {
                let (one, other) = (self.clock(0), self.clock(skew));
                let [first, second] = &self.schedulers;
                let (first, second) = join(first.look(one), second.look(other)).await;
                first.unwrap();
                second.unwrap();
            }
            Happening::Dies(steps) => {
                let now = self.clock(0);
                let mut look = Box::pin(self.schedulers[0].look(now));
                for _ in 0..steps {
                    if poll!(&mut look).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Happening::Ends(count) => {
                let now = self.latest;
                for claimed in self.cast.claim(count, now).await {
                    match claimed.run.state.kind {
                        StateType::Cancelling => {
                            let cancelled = Err(model::Failure::cancelled());
                            self.cast.end(claimed.lease, cancelled, now).await;
                        }
                        _ => {
                            let running = State::running(1, cast::at(now));
                            self.cast
                                .go_on(claimed.lease, |progress| progress.states.push(running))
                                .await;
                            self.cast.end(claimed.lease, Ok(Json::null()), now).await;
                        }
                    }
                }
            }
            Happening::Toggles(which) => {
                let id = self.schedules[which].id;
                let held = self.cast.store.schedule(id).await.unwrap().unwrap();
                let toggled =
                    operations::schedules::set_paused(&self.cast.store, &held, !held.is_paused);
                toggled.await.unwrap();
            }
        }
    }

    /// The runs of a schedule, the earliest slot first.
    async fn runs_of(&self, schedule: &Schedule) -> Vec<FlowRun> {
        let page = PageRequest::oldest(1000);
        let any = RunFilter::default();
        let all = self.cast.store.flow_runs(&any, &page);
        let all = all.await.unwrap().items;
        let mut of_it = Vec::new();
        for run in all {
            let history = self.cast.store.history(run.id).await.unwrap();
            let said = history[0].state.message.clone().unwrap_or_default();
            if said == format!("schedule `{}`", schedule.name) {
                of_it.push(run);
            }
        }
        of_it.sort_by_key(|run| run.scheduled);
        of_it
    }

    async fn check(&self, has_toggled: bool) {
        // What one that died has asked for last is written before this is.
        let nobody = WorkerId(RunId::generate().0);
        let turn = std::time::Duration::from_secs(1);
        let now = cast::at(self.latest);
        self.cast.store.take_turn(nobody, now, turn).await.unwrap();
        for schedule in &self.schedules {
            let runs = self.runs_of(schedule).await;
            let slots: Vec<i64> = runs.iter().map(|run| second(run.scheduled)).collect();
            let distinct = slots.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(
                distinct,
                "a slot was made twice: {} {slots:?}",
                schedule.name
            );
            let are_slots = slots
                .iter()
                .all(|slot| slot % EVERY == 0 && *slot <= self.latest);
            assert!(are_slots, "{slots:?} at {}", self.latest);
            let stored = self
                .cast
                .store
                .schedule(schedule.id)
                .await
                .unwrap()
                .unwrap();
            let next = second(stored.next.unwrap());
            assert!(
                slots.last().is_none_or(|last| *last < next),
                "{slots:?} {next}"
            );
            if schedule.rule.overlap == Overlap::Allow {
                if !has_toggled {
                    let all: Vec<i64> = (1..)
                        .map(|n| n * EVERY)
                        .take_while(|it| *it < next)
                        .collect();
                    assert_eq!(slots, all, "one was lost");
                }
            } else {
                let live = runs.iter().filter(|run| run.ended.is_none()).count();
                assert!(live <= 1, "{} has {live} runs at once", schedule.name);
            }
        }
    }
}

#[test]
fn no_slot_is_made_twice_and_none_is_lost() {
    let cases = std::env::var("SCHEDULE_SEEDS").map_or(40, |text| text.parse().unwrap());
    let config = Config {
        cases,
        max_shrink_iters: 30,
        failure_persistence: None,
        ..Config::default()
    };
    let happenings = prop::collection::vec(happening(), 1..60);
    TestRunner::new(config)
        .run(&happenings, |happenings| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let mut world = World::new(dir.path()).await;
                let mut has_toggled = false;
                for happening in happenings {
                    has_toggled |= matches!(happening, Happening::Toggles(0));
                    world.happens(happening).await;
                }
                world.check(has_toggled).await;
            });
            Ok(())
        })
        .unwrap();
}
