//! Schedules, and two schedulers that each do one thing at a time and may die after it.
//!
//! ```text
//! due? --> decide --> cancel the last run, if it is in the way --> make the runs and move on
//!   ^---- a scheduler that dies begins again here, while the other is anywhere ----'
//! ```
//!
//! Properties:
//!
//! - No slot has two runs, whatever the clocks say; each run is of a slot that there is, and that
//!   has come.
//! - What is to be caught up with is: of a schedule that nobody has paused and that lets runs
//!   overlap, every slot that counts has its run in the end.
//! - Of a schedule that does not let runs overlap no two are under way.
//! - A step that is refused has made nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plain::Plain;
use super::rng::Rng;
use super::timetables::{Watched, any_schedule, every};
use super::trace::{Trace, short, trace};
use crate::contract::cast::{at, component, deployment, new_run};
use crate::{DueSchedule, NewRun, RunFilter, ScheduleChange, ScheduleStep, Store, StoreError};
use model::{
    CatchUp, FlowRun, LastSlot, Lease, Overlap, RunId, Schedule, State, Timestamp, WorkerId,
};
use orchestrator::calendar::Calendar;
use orchestrator::schedule::{Due, GRACE, due};

/// How long the turn of a scheduler lasts.
const TURN: Duration = Duration::from_secs(15);

struct Slots<'s, S> {
    plain: Plain<'s, S>,
    rng: Rng,
    now: Timestamp,
    /// The latest time that any clock has shown.
    latest: Timestamp,
    watched: Vec<Watched>,
    schedulers: [Scheduler; 2],
    running: Vec<Lease>,
    trace: Trace,
}

struct Scheduler {
    id: WorkerId,
    does: Doing,
}

/// What a scheduler does next.
enum Doing {
    Looks,
    Decides(Box<DueSchedule>, Timestamp),
    Moves(Box<Schedule>, Due, Timestamp),
}

pub(super) async fn each_slot_makes_one_run<S: Store>(store: &S, seed: u64) {
    let mut rng = Rng::new(seed ^ 0x5107);
    let pool = format!("slots-{seed}").parse().unwrap();
    let plain = Plain::new(store, &mut rng, pool, at(0)).await;
    let bytes = b"wasm".to_vec();
    store.put_component(component(&bytes), bytes).await.unwrap();
    let mut made = deployment(&format!("etl/slots-{seed}"));
    made.pool = plain.pool.clone();
    store.deploy(vec![made.clone()]).await.unwrap();
    let mut watched = Vec::new();
    for n in 0..rng.between(1, 4) {
        let schedule = any_schedule(&mut rng, n);
        let schedule = Schedule {
            deployment: made.name.clone(),
            ..schedule
        };
        watched.push(Watched {
            id: schedule.id,
            every: every(&schedule.rule),
            rule: schedule.rule.clone(),
            was_paused: false,
            made: BTreeMap::new(),
            next: schedule.next,
        });
        store.add_schedule(schedule).await.unwrap();
    }
    let scheduler = |rng: &mut Rng| Scheduler {
        id: WorkerId(rng.id()),
        does: Doing::Looks,
    };
    let mut slots = Slots {
        plain,
        now: at(0),
        latest: at(0),
        watched,
        schedulers: [scheduler(&mut rng), scheduler(&mut rng)],
        rng,
        running: Vec::new(),
        trace: Trace {
            seed,
            lines: Vec::new(),
        },
    };
    slots.play().await;
    store.delete_deployment(&made.name).await.unwrap();
}

impl<S: Store> Slots<'_, S> {
    async fn play(&mut self) {
        for _ in 0..self.rng.between(40, 160) {
            match self.rng.below(100) {
                0..=54 => {
                    let one = self.rng.below(2);
                    self.go_on(one).await;
                }
                55..=59 => self.dies().await,
                60..=79 => self.time_passes(),
                80..=84 => self.claim().await,
                85..=91 => self.end_one().await,
                92..=95 => self.pause_or_resume().await,
                _ => {}
            }
            self.check().await;
        }
        self.come_to_an_end().await;
    }

    fn time_passes(&mut self) {
        let by = match self.rng.below(20) {
            0 => self.rng.between(0, 900) as i64,
            1 => -(self.rng.between(0, 900) as i64),
            _ => self.rng.between(1, 60) as i64,
        };
        // Before the first slot there is nothing to see.
        self.now = Timestamp((self.now.0 + by * 1_000_000).max(at(0).0));
        self.latest = self.latest.max(self.now);
    }

    /// Nobody tells anybody.
    async fn dies(&mut self) {
        let one = self.rng.below(2);
        trace!(self, "scheduler {one} dies");
        let id = WorkerId(self.rng.id());
        let gone = std::mem::replace(&mut self.schedulers[one].id, id);
        self.schedulers[one].does = Doing::Looks;
        if self.rng.percent(50) {
            self.plain.store.end_turn(gone).await.unwrap();
        }
    }

    /// A scheduler does one thing.
    async fn go_on(&mut self, one: usize) {
        let store = self.plain.store;
        let now = self.now;
        self.schedulers[one].does =
            match std::mem::replace(&mut self.schedulers[one].does, Doing::Looks) {
                Doing::Looks => {
                    // One that believes to have the turn goes on, whoever has it.
                    let id = self.schedulers[one].id;
                    let has_turn = store.take_turn(id, now, TURN).await.unwrap();
                    if !has_turn && self.rng.percent(50) {
                        return;
                    }
                    let mut all = store.due_schedules(now, 100).await.unwrap();
                    let own =
                        |due: &DueSchedule| self.watched.iter().any(|it| it.id == due.schedule.id);
                    all.retain(own);
                    if all.is_empty() {
                        return;
                    }
                    let due = all.swap_remove(self.rng.below(all.len()));
                    Doing::Decides(Box::new(due), now)
                }
                Doing::Decides(found, then) => {
                    let schedule = found.schedule;
                    let calendar = Calendar::new(&schedule.rule).unwrap();
                    let due = due(&schedule, &calendar, found.is_last_live, then);
                    if due.is_held && schedule.is_held {
                        return;
                    }
                    if let (true, Some(last)) = (due.cancels_last, schedule.last) {
                        match store.cancel(last.run, now).await {
                            Ok(_) | Err(StoreError::Over { .. }) => {}
                            Err(err) => panic!("{err}"),
                        }
                    }
                    Doing::Moves(Box::new(schedule), due, then)
                }
                Doing::Moves(schedule, due, then) => {
                    self.moves(one, &schedule, due, then).await;
                    return;
                }
            };
    }

    async fn moves(&mut self, one: usize, schedule: &Schedule, due: Due, then: Timestamp) {
        let runs: Vec<NewRun> = due
            .slots
            .iter()
            .map(|slot| self.run_of(schedule, *slot))
            .collect();
        let made: Vec<(Timestamp, RunId)> = runs
            .iter()
            .map(|new| (new.run.scheduled, new.run.id))
            .collect();
        let step = ScheduleStep {
            id: schedule.id,
            seen: (schedule.next, schedule.updated),
            runs,
            next: due.next,
            last: made.last().map(|(slot, run)| LastSlot {
                slot: *slot,
                run: *run,
            }),
            is_held: due.is_held,
        };
        let moved = self.plain.store.move_schedule(step).await.unwrap();
        trace!(
            self,
            "scheduler {one} moves {}: {moved} {made:?}", schedule.name
        );
        if !moved {
            return;
        }
        let watched = self.watched.iter_mut().find(|it| it.id == schedule.id);
        let watched = watched.expect("it is one of them");
        for (slot, run) in made {
            let before = watched.made.insert(slot, (run, then));
            assert_eq!(
                before, None,
                "slot {slot} of {} was made twice",
                schedule.name
            );
        }
    }

    fn run_of(&mut self, schedule: &Schedule, slot: Timestamp) -> NewRun {
        let mut new = new_run("etl");
        new.run.id = RunId(self.rng.id());
        new.run.deployment = Some(schedule.deployment.clone());
        new.run.pool = Some(self.plain.pool.clone());
        new.run.tags = vec![schedule.name.to_string()];
        new.run.created = self.now;
        new.run.scheduled = slot;
        new.run.state = State::scheduled(self.now);
        new.idempotency_key = Some(format!("schedule {} at {slot}", schedule.id));
        new
    }

    async fn claim(&mut self) {
        let count = self.rng.between(1, 8) as u32;
        for claimed in self.plain.claim(count, self.latest).await {
            trace!(self, "claim {}", short(claimed.run.id));
            self.running.push(claimed.lease);
        }
    }

    async fn end_one(&mut self) {
        if !self.running.is_empty() {
            let lease = self.running.swap_remove(self.rng.below(self.running.len()));
            trace!(self, "end {}", short(lease.run));
            self.plain.end(lease, self.latest).await;
        }
    }

    async fn pause_or_resume(&mut self) {
        let at = self.rng.below(self.watched.len());
        let id = self.watched[at].id;
        let schedule = self.plain.store.schedule(id).await.unwrap().unwrap();
        self.set_paused(at, &schedule, !schedule.is_paused).await;
    }

    async fn set_paused(&mut self, at: usize, schedule: &Schedule, is_paused: bool) {
        let made = schedule.last.map_or(self.now, |last| last.slot);
        let calendar = Calendar::new(&schedule.rule).unwrap();
        let change = ScheduleChange {
            is_paused: Some(is_paused),
            next: (!is_paused).then(|| calendar.next(self.now.max(made))),
            ..ScheduleChange::default()
        };
        let changed = self
            .plain
            .store
            .change_schedule(schedule.id, change, self.now);
        let changed = changed.await.unwrap();
        trace!(self, "{} is paused: {is_paused}", schedule.name);
        self.watched[at].was_paused = true;
        self.watched[at].next = changed.next;
    }

    async fn runs(&self) -> Vec<FlowRun> {
        let filter = RunFilter {
            pools: vec![self.plain.pool.clone()],
            ..RunFilter::default()
        };
        self.plain.store.newest_flow_runs(&filter, 0).await.unwrap()
    }

    async fn check(&mut self) {
        let runs = self.runs().await;
        let made: usize = self.watched.iter().map(|it| it.made.len()).sum();
        assert_eq!(runs.len(), made, "runs without a slot");
        for at in 0..self.watched.len() {
            let id = self.watched[at].id;
            let schedule = self.plain.store.schedule(id).await.unwrap().unwrap();
            let watched = &mut self.watched[at];
            assert!(schedule.next >= watched.next, "it went back");
            watched.next = schedule.next;
            for (slot, (_, then)) in &watched.made {
                assert!(watched.is_slot(*slot), "{slot} is no slot");
                assert!(slot <= then && *then <= self.latest, "{slot} has not come");
            }
            let of_it = |run: &&FlowRun| run.tags == [schedule.name.to_string()];
            let live = runs.iter().filter(of_it).filter(|run| run.ended.is_none());
            let live = live.count();
            assert!(
                live <= 1 || watched.rule.overlap == Overlap::Allow,
                "{live} runs of {} at once",
                schedule.name
            );
        }
    }

    /// Nobody dies any more, all runs end, and nothing is due.
    async fn come_to_an_end(&mut self) {
        self.now = self.latest;
        self.schedulers[0].does = Doing::Looks;
        for at in 0..self.watched.len() {
            let id = self.watched[at].id;
            let schedule = self.plain.store.schedule(id).await.unwrap().unwrap();
            if schedule.is_paused {
                self.set_paused(at, &schedule, false).await;
            }
        }
        let mut quiet = 0;
        for _ in 0..20_000 {
            self.claim().await;
            self.end_one().await;
            self.go_on(0).await;
            // The other ends what it was about to do, late.
            if !matches!(self.schedulers[1].does, Doing::Looks) {
                self.go_on(1).await;
            }
            let is_idle = matches!(self.schedulers[0].does, Doing::Looks);
            let due = self.plain.store.due_schedules(self.now, 100).await.unwrap();
            let is_quiet = is_idle && due.is_empty() && self.running.is_empty();
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet > 3 {
                self.check().await;
                return self.check_the_end().await;
            }
        }
        panic!("schedules do not come to an end");
    }

    async fn check_the_end(&mut self) {
        let runs = self.runs().await;
        assert!(runs.iter().all(|run| run.ended.is_some()), "a run is left");
        for watched in &self.watched {
            let schedule = self
                .plain
                .store
                .schedule(watched.id)
                .await
                .unwrap()
                .unwrap();
            assert!(!schedule.is_held, "it is held by nothing");
            assert!(schedule.next > Some(self.now), "a slot is left");
            let slots: Vec<Timestamp> = watched.made.keys().copied().collect();
            if watched.rule.catch_up == CatchUp::None {
                for (slot, (_, then)) in &watched.made {
                    assert!(then.since(*slot) <= GRACE, "{slot} was missed");
                }
            }
            let all_count = matches!(watched.rule.overlap, Overlap::Allow | Overlap::Queue);
            if watched.was_paused || !all_count {
                continue;
            }
            let last = watched.last_until(self.now);
            let step = watched.every * 1_000_000;
            let first = watched.last_until(at(0)).0 + step;
            match watched.rule.catch_up {
                CatchUp::All => {
                    let all: Vec<i64> = (first..=last.0).step_by(step as usize).collect();
                    let made: Vec<i64> = slots.iter().map(|slot| slot.0).collect();
                    assert_eq!(made, all, "a slot of {} was lost", schedule.name);
                }
                CatchUp::Latest if last.0 >= first => {
                    assert_eq!(slots.last(), Some(&last), "the latest was lost");
                }
                _ => {}
            }
        }
        self.plain.leave(self.now).await;
    }
}
