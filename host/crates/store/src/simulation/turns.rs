//! Turns an execution one step further: looks up, records and waits as its machine wants, and
//! lets chance decide what happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::driver::Execution;
use super::hand::Hand;
use super::script::Scripts;
use super::trace::{short, trace};
use super::world::World;
use super::written::{Stays, Written};
use crate::{Progress, Store, TaskRunFilter, key_holder};
use model::{Answer, Entry, Failure, Outcome, Timestamp};
use orchestrator::flow::{Await, Event, Found, Look, Past, Signal, Step, Stop};
use orchestrator::{Decision, after_attempt};

/// What is due this soon is sometimes waited for.
const SOON: Duration = Duration::from_millis(30);

impl<S: Store> World<'_, S> {
    /// One execution goes one call further.
    pub(super) async fn work(&mut self) {
        let busy = |hand: &Hand| !(hand.claimed.is_empty() && hand.running.is_empty());
        let Some(hand) = self.any_hand_that(busy) else {
            return;
        };
        let begins = self.hands[hand].running.is_empty() || self.rng.percent(40);
        if begins && !self.hands[hand].claimed.is_empty() {
            return self.begin(hand).await;
        }
        let Some(at) = self.any_running(hand) else {
            return;
        };
        let mut execution = self.hands[hand].running.swap_remove(at);
        let worker = self.hands[hand].id;
        let stays = self.go_on(&mut execution).await;
        self.note_told(&execution);
        self.check_begun(&mut execution);
        self.look_outside(&mut execution).await;
        let Some(hand) = self.hands.iter_mut().find(|hand| hand.id == worker) else {
            return;
        };
        match stays {
            Stays::Running => hand.running.push(execution),
            Stays::Parked => hand.parked.push(execution),
            Stays::Gone => {}
        }
    }

    pub(super) async fn begin(&mut self, hand: usize) {
        let at = self.rng.below(self.hands[hand].claimed.len());
        let claimed = self.hands[hand].claimed.swap_remove(at);
        let id = claimed.run.id;
        if self.killer == Some(id) {
            return self.kills(hand, claimed).await;
        }
        let entries = match claimed.journal_len {
            0 => Vec::new(),
            _ => self.store.journal(id).await.unwrap(),
        };
        let kept = match claimed.run.attempt {
            1 => Vec::new(),
            _ => self.store.kept(id).await.unwrap(),
        };
        trace!(self, "begin {} with {} entries", short(id), entries.len());
        let script = Arc::clone(&self.scripts.0[Scripts::at(&claimed.run.flow)]);
        // The clock does not stand still while a worker thinks.
        self.now.0 += 7;
        let filter = TaskRunFilter {
            flow_run: Some(id),
            ..TaskRunFilter::default()
        };
        let tasks = self.store.newest_task_runs(&filter, 0).await.unwrap();
        let past = Past {
            entries,
            kept,
            tasks,
            ..Past::default()
        };
        let execution = Execution::new(&claimed, script, &self.manifest, past, self.now);
        self.hands[hand].running.push(execution);
    }

    /// Takes an execution one step further.
    pub(super) async fn go_on(&mut self, execution: &mut Execution) -> Stays {
        self.now.0 += 11;
        let now = self.their_now();
        let Some(step) = execution.step.take() else {
            if let Some(outcome) = execution.ask(&mut self.rng, now) {
                return self.end(execution, outcome).await;
            }
            self.answer(execution);
            return Stays::Running;
        };
        match step {
            Step::Answer(_) | Step::Refuse(_) => {
                execution.step = Some(step);
                self.answer(execution);
            }
            Step::Look(look) => {
                let found = self.look(execution, look).await;
                execution.happened(Event::Found(found), &mut self.rng, now);
            }
            Step::Check(check) => {
                execution.happened(Event::Checked(check.make()), &mut self.rng, now);
            }
            Step::Record(progress) => return self.record_step(execution, *progress, now).await,
            Step::Await(Await::Busy { news, due }) => self.busy(execution, news, due, now),
            Step::Await(Await::News) => execution.happened(Event::News, &mut self.rng, now),
            Step::Await(what) => panic!("nothing leads to {what:?}"),
            Step::Stop(Stop::Suspended) => return Stays::Gone,
            Step::Stop(stop) => {
                trace!(self, "stopped {}: {stop:?}", short(execution.id));
                assert!(!self.holds(execution), "{stop:?}");
                return Stays::Gone;
            }
        }
        Stays::Running
    }

    /// Tells the guest what it was answered, if it was.
    pub(super) fn answer(&mut self, execution: &mut Execution) {
        let reply = match execution.step.take() {
            Some(Step::Answer(reply)) => Ok(reply),
            Some(Step::Refuse(failure)) => Err(failure),
            step => {
                execution.step = step;
                return;
            }
        };
        execution.guest.told(reply, &execution.flow);
    }

    /// Something happens to an execution that waits for its tasks, or nothing yet.
    pub(super) fn busy(
        &mut self,
        execution: &mut Execution,
        news: bool,
        due: Option<Timestamp>,
        now: Timestamp,
    ) {
        let rng = &mut self.rng;
        if execution.order > execution.flow.signal() {
            execution.happened(Event::Told(execution.order), rng, now);
        } else if execution.has_events() {
            execution.hear_tasks(rng, now);
        } else if due.is_some_and(|due| due <= now) {
            execution.happened(Event::Due, rng, now);
        } else if news && rng.percent(20) {
            execution.happened(Event::News, rng, now);
        } else if let Some(due) = due.filter(|due| due.since(now) <= SOON && rng.percent(20)) {
            self.now = due.max(self.now);
            execution.happened(Event::Due, rng, self.now);
        } else {
            execution.step = Some(Step::Await(Await::Busy { news, due }));
        }
    }

    pub(super) async fn look(&mut self, execution: &mut Execution, look: Look) -> Found {
        let (store, run) = (self.store, execution.id);
        match look {
            Look::Deployment(name) => {
                let at = Scripts::at(&name.flow);
                Found::Deployment(self.deployments[at].clone())
            }
            Look::Queue(..) => Found::Queue,
            Look::Run(run) => {
                let found = store.flow_run(run).await.unwrap();
                Found::Run(found.map(|run| run.snapshot()))
            }
            Look::RunByKey(flow, key) => {
                Found::KeyHolder(key_holder(store, &flow, &key).await.unwrap())
            }
            Look::Variable(_) => Found::Variable(None),
            Look::Permitted(calls) => Found::Permitted(store.permitted(run, &calls).await.unwrap()),
            Look::Before(lookups) => Found::Before(self.look_before(execution, lookups).await),
            Look::Settled(calls) => Found::Settled(store.settled(run, &calls).await.unwrap()),
        }
    }

    pub(super) async fn record_step(
        &mut self,
        execution: &mut Execution,
        progress: Progress,
        now: Timestamp,
    ) -> Stays {
        let event = match self.record(execution, progress).await {
            Written::Lost => return Stays::Gone,
            Written::Done(recorded) => Event::Recorded(recorded),
            Written::KeyTaken(progress) => Event::KeyTaken(progress),
        };
        execution.happened(event, &mut self.rng, now);
        if !matches!(execution.step, Some(Step::Await(Await::Parked))) {
            return Stays::Running;
        }
        if self.rng.percent(50) {
            Stays::Parked
        } else {
            Stays::Gone
        }
    }

    pub(super) async fn end(&mut self, execution: &mut Execution, outcome: Outcome) -> Stays {
        execution.note_events(self.now);
        let outcome = if execution.order == Signal::Cancel || execution.flow.is_cancelled() {
            Err(Failure::cancelled())
        } else {
            outcome
        };
        let retry = &execution.guest.script.retry;
        let progress = match after_attempt(retry, execution.attempt, &outcome, 0.0) {
            Decision::RetryAfter(delay) => {
                let failure = outcome.expect_err("only a failure is tried again");
                execution.flow.try_again(&failure, delay, self.now)
            }
            Decision::End => execution.flow.end(outcome, self.now),
        };
        self.record(execution, progress).await;
        Stays::Gone
    }

    /// Whoever called out is known to run, whatever happens next.
    async fn look_outside(&mut self, execution: &mut Execution) {
        for (task, attempt) in execution.called_out() {
            let known = self.store.task_runs_by_id(&[task]).await.unwrap();
            let known = known.first().map(|run| run.attempt);
            assert!(
                known.is_some_and(|known| known >= attempt),
                "attempt {attempt} of task run {task} called out, and {known:?} is recorded"
            );
            let journal = self.store.journal(execution.id).await.unwrap();
            let calls =
                |entry: &Entry| matches!(entry.answer, Answer::TaskRun { id } if id == task);
            let gone = execution.attempt < self.ledger.attempt(execution.id);
            assert!(
                gone || journal.iter().any(calls),
                "task run {task} called out, and no journal knows it"
            );
        }
    }

    /// A task of some execution ends, or calls out.
    pub(super) async fn compute(&mut self) {
        let computes = |it: &Execution| it.computes();
        let Some(hand) = self.any_hand_that(|hand| hand.running.iter().any(computes)) else {
            return;
        };
        self.now.0 += 1000;
        self.nonce += 1;
        let running = &mut self.hands[hand].running;
        let Some(execution) = running.iter_mut().find(|it| computes(it)) else {
            return;
        };
        if self.rng.percent(30) {
            return execution.call_out(&mut self.rng);
        }
        let held = self.holders.get(&execution.id) == Some(&execution.lease());
        let (task, attempt, done) = execution.compute(self.nonce, &mut self.rng, self.now);
        if held {
            self.ledger.computes(task, attempt);
        }
        trace!(self, "compute {} {done}", short(execution.id));
    }

    pub(super) fn any_running(&mut self, hand: usize) -> Option<usize> {
        match self.hands[hand].running.len() {
            0 => None,
            running => Some(self.rng.below(running)),
        }
    }
}
