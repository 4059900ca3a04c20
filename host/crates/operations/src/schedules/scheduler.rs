//! Makes the runs of schedules, and has deleted what has been over for long. Beside it, runs are let
//! pass that would wait for each other's slots for ever.
//!
//! ```text
//! until the next slot, or news --> something is due --turn--> a decision and a step of the store
//!                                       `--another has the turn--> in a moment again     for each
//! ```
//!
//! Each worker and each server runs one, and one of them has the turn while something is due. The
//! turn saves work and nothing else: a step of the store is refused if another has decided about the
//! same slot, so two that both believe to have it make no run twice.

use std::sync::Arc;
use std::time::Duration;

use model::{LastSlot, NewRun, Schedule, State, Timestamp, WorkerId};
use orchestrator::calendar::Calendar;
use orchestrator::schedule::{Due, due};
use orchestrator::{Start, new_run};
use store::{DueSchedule, Listener, ScheduleStep, Store, StoreError, StoreResult, Topic};
use tokio::time::Instant;
use tracing::{info, warn};

use super::key;
use crate::FreshIds;
use crate::deadlocks::keep_untying;
use crate::pruning::follow_rule;

/// How long the turn lasts unless it is renewed. Who dies with it delays slots by so much.
const TURN: Duration = Duration::from_secs(15);

/// How old the turn may be when it is used, so that it does not end meanwhile.
const FRESH: Duration = Duration::from_secs(5);

/// How long one waits who does not have it, or could not ask for it.
const AGAIN: Duration = Duration::from_secs(1);

/// No wait is longer: the clock may have been put forward.
const LOOK: Duration = Duration::from_secs(30);

/// How often it looks whether it is time to delete what has been over for long.
const HOUSE: Duration = Duration::from_secs(60);

/// Schedules that are looked at in one read.
const DUE_AT_ONCE: u32 = 100;

/// News come with every run; schedules are looked at no more often than this because of them.
const NEWS_PAUSE: Duration = Duration::from_millis(250);

/// Makes the runs of schedules for as long as it is polled.
pub struct Scheduler {
    store: Arc<dyn Store>,
    holder: WorkerId,
    /// When it has got the turn last.
    taken: Option<Instant>,
    /// When it has looked last for what is to be deleted.
    kept_house: Option<Instant>,
}

impl Scheduler {
    /// `holder` tells processes apart.
    pub fn new(store: Arc<dyn Store>, holder: WorkerId) -> Self {
        Self {
            store,
            holder,
            taken: None,
            kept_house: None,
        }
    }

    /// Never returns. Trouble with the database is waited out.
    pub async fn run(self) {
        let store = Arc::clone(&self.store);
        tokio::join!(self.keep_serving(), keep_untying(store));
    }

    async fn keep_serving(mut self) {
        loop {
            if let Err(err) = self.serve().await {
                warn!(%err, "could not look for schedules that are due");
                self.taken = None;
            }
            tokio::time::sleep(FRESH).await;
        }
    }

    /// Lets another have the turn at once. For a process that stops.
    pub async fn end(store: &dyn Store, holder: WorkerId) {
        if let Err(err) = store.end_turn(holder).await {
            warn!(%err, "the turn to make runs of schedules was not given up");
        }
    }

    /// Returns only with an error.
    async fn serve(&mut self) -> StoreResult<()> {
        let mut news = self.store.listen(Topic::Change)?;
        loop {
            self.keep_house();
            let now = self.store.clock().now();
            if self.store.due_schedules(now, 1).await?.is_empty() {
                self.wait(news.as_mut()).await?;
            } else if self.has_turn().await? {
                while self.look(self.store.clock().now()).await? {}
            } else {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Looks whether it is time to delete what has been over for long. That takes as long as it
    /// takes, while runs of schedules are made.
    fn keep_house(&mut self) {
        if self.kept_house.is_some_and(|at| at.elapsed() < HOUSE) {
            return;
        }
        self.kept_house = Some(Instant::now());
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(problem) = follow_rule(&store).await {
                warn!(%problem, "what has been over for long was not deleted");
            }
        });
    }

    async fn has_turn(&mut self) -> StoreResult<bool> {
        if self.taken.is_some_and(|taken| taken.elapsed() < FRESH) {
            return Ok(true);
        }
        let begun = Instant::now();
        let now = self.store.clock().now();
        let has_it = self.store.take_turn(self.holder, now, TURN).await?;
        self.taken = has_it.then_some(begun);
        Ok(has_it)
    }

    /// Until the next slot, or until something may be due because of news: a schedule was made or
    /// changed, or the run has ended that one waits for.
    async fn wait(&self, news: &mut dyn Listener) -> StoreResult<()> {
        let next = self.store.next_slot().await?;
        let ahead = next.map_or(LOOK, |next| next.since(self.store.clock().now()));
        let until = Instant::now() + ahead.min(LOOK);
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = news.heard() => {
                tokio::time::sleep_until((Instant::now() + NEWS_PAUSE).min(until)).await;
            }
        }
        Ok(())
    }

    /// Decides about what is due. Returns whether there may be more.
    pub async fn look(&self, now: Timestamp) -> StoreResult<bool> {
        let due = self.store.due_schedules(now, DUE_AT_ONCE).await?;
        let mut moved = false;
        for one in due {
            moved |= self.decide(one, now).await?;
        }
        Ok(moved)
    }

    /// Returns whether the schedule went on.
    async fn decide(&self, one: DueSchedule, now: Timestamp) -> StoreResult<bool> {
        let DueSchedule {
            schedule,
            is_last_live,
        } = one;
        let calendar = match Calendar::new(&schedule.rule) {
            Ok(calendar) => calendar,
            Err(err) => {
                // Another version has taken it. It is looked at once, and has no more slots.
                warn!(schedule = %schedule.name, deployment = %schedule.deployment, %err,
                    "the schedule cannot be followed");
                return self.step(&schedule, Vec::new(), None, None, false).await;
            }
        };
        let due = due(&schedule, &calendar, is_last_live, now);
        if due.is_held && schedule.is_held {
            return Ok(false);
        }
        self.make(&schedule, due, now).await
    }

    async fn make(&self, schedule: &Schedule, due: Due, now: Timestamp) -> StoreResult<bool> {
        if due.cancels_last
            && let Some(last) = schedule.last
        {
            match self.store.cancel(last.run, now).await {
                // It has ended, or has gone.
                Ok(_) | Err(StoreError::NotFound(_) | StoreError::Over { .. }) => {}
                Err(err) => return Err(err),
            }
        }
        let deployment = self.store.deployment(&schedule.deployment).await?;
        // It takes its schedules with it.
        let Some(deployment) = deployment else {
            return Ok(false);
        };
        let run_of = |slot: &Timestamp| {
            let start = Start {
                scheduled: *slot,
                ..Start::now(&mut FreshIds, schedule.rule.parameters.clone(), now)
            };
            let mut run = new_run(&deployment, start, now);
            run.state = State::scheduled(now).because(format!("schedule `{}`", schedule.name));
            NewRun {
                run,
                idempotency_key: Some(key(schedule, *slot)),
                instead_of: None,
                reserved_for: None,
            }
        };
        let runs: Vec<NewRun> = due.slots.iter().map(run_of).collect();
        let last = runs.last().map(|new| LastSlot {
            slot: new.run.scheduled,
            run: new.run.id,
        });
        self.step(schedule, runs, due.next, last, due.is_held).await
    }

    async fn step(
        &self,
        schedule: &Schedule,
        runs: Vec<NewRun>,
        next: Option<Timestamp>,
        last: Option<LastSlot>,
        is_held: bool,
    ) -> StoreResult<bool> {
        let made = runs.len();
        let step = ScheduleStep {
            id: schedule.id,
            seen: (schedule.next, schedule.updated),
            runs,
            next,
            last,
            is_held,
        };
        let moved = self.store.move_schedule(step).await?;
        if moved && made > 0 {
            info!(schedule = %schedule.name, deployment = %schedule.deployment, runs = made,
                "made runs of a schedule");
        }
        Ok(moved && !is_held)
    }
}
