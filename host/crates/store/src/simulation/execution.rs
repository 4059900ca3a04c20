//! One execution of a scripted flow: what a worker keeps in memory between its claim and
//! its next stop. The same order of looks and writes as the real one has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::rng::Rng;
use super::script::{Op, Script, Scripts};
use super::tasks::{Doing, Tasks};
use crate::contract::cast;
use crate::{Claimed, NewRun, Next, Progress, Settled};
use model::{
    Answer, Argument, Call, DeploymentName, Entry, Failure, FailureKind, FlowRun, InputId, Json,
    Outcome, PoolName, RunId, RunRequest, Seq, Settlement, State, TaskCall, TaskName, TaskOptions,
    TaskRun, TaskRunId, Timestamp,
};
use orchestrator::{Asked, Journal, Kept, Waited, wake_by};

/// What an execution wants after a step.
#[derive(Debug)]
pub(super) enum Wish {
    GoOn,
    /// Its own tasks are not done.
    Tasks,
    /// So many of these have to settle, or it is time for a retry.
    Outside(Vec<Seq>, u32, Option<Timestamp>),
    End(Outcome),
    Diverged(String),
}

/// What a flow observes of its cancellation.
pub(super) const TOLD_TO_END: &str = "told to end";

pub(super) struct Execution {
    pub run: FlowRun,
    pub journal: Journal,
    pub progress: Progress,
    pub tasks: Tasks,
    /// Calls that settle outside, and have not.
    pub outside: BTreeSet<Seq>,
    pub cancel: bool,
    pub cancel_told: bool,
    /// What the flow was answered, with the time it saw then.
    pub observed: Vec<String>,
    pub handles: Vec<Seq>,
    kept: Kept,
    script: Arc<Script>,
    ops: Vec<Op>,
    at: usize,
    /// Of a wait for each in turn, what was not told yet. None between waits.
    left: Option<Vec<Seq>>,
    waits: u64,
    cleaning_up: bool,
}

impl Execution {
    pub fn new(
        claimed: &Claimed,
        script: Arc<Script>,
        entries: Vec<Entry>,
        kept: Vec<Entry>,
        now: Timestamp,
    ) -> Self {
        let run = claimed.run.clone();
        let started = run.started.unwrap_or(now);
        let mut progress = Progress::new(claimed.lease);
        progress
            .states
            .push(State::running(run.attempt, now.max(started)));
        let mut new = Self {
            journal: Journal::new(started, entries),
            progress,
            tasks: Tasks::default(),
            outside: BTreeSet::new(),
            cancel: run.state.kind == model::StateType::Cancelling,
            cancel_told: false,
            observed: Vec::new(),
            handles: Vec::new(),
            kept: Kept::new(kept),
            ops: script.ops.clone(),
            script,
            at: 0,
            left: None,
            waits: 0,
            cleaning_up: false,
            run,
        };
        new.observe("begins");
        new
    }

    /// Takes the flow one call further.
    pub fn step(&mut self, rng: &mut Rng, pool: &PoolName, now: Timestamp) -> Wish {
        let Some(op) = self.ops.get(self.at).cloned() else {
            return self.finish();
        };
        let called = match op {
            Op::Task(doing) => self.task(doing, rng, now),
            Op::Child(at) => self.child(at, rng, pool, now),
            Op::Timer(duration_ms) => self.timer(duration_ms, now),
            Op::Input => self.input(rng, now),
            Op::Watch => self.watch(now),
            Op::All(handles) => return self.wait_all(&handles, now),
            Op::Any(handles) => return self.wait_any(&handles, false, now),
            Op::EachInTurn(handles) => return self.wait_any(&handles, true, now),
        };
        match called {
            Ok(seq) => {
                self.handles.push(seq);
                self.at += 1;
                Wish::GoOn
            }
            Err(diverged) => Wish::Diverged(diverged),
        }
    }

    /// Asks the journal, then what earlier attempts have left, then writes it.
    fn call(
        &mut self,
        call: &Call,
        fresh: Answer,
        now: Timestamp,
    ) -> Result<(Seq, Answer, bool), String> {
        let asked = self.journal.ask(call).map_err(|err| err.to_string())?;
        let (Asked::Answered(seq, _) | Asked::New(seq)) = asked;
        let kept = self.kept.take(seq, call);
        let (seq, answer, new) = match (asked, kept) {
            (Asked::Answered(seq, answer), _) => (seq, answer, false),
            (Asked::New(_), Some(kept)) => {
                let seq = self.write(call.clone(), kept.answer.clone(), now);
                if let Some((at, settlement)) = kept.settled {
                    self.journal.settle(seq, at, settlement.clone());
                    let entry = self.progress.entries.last_mut().expect("just written");
                    entry.settled = Some((at, settlement));
                }
                (seq, kept.answer, false)
            }
            (Asked::New(_), None) => {
                let seq = self.write(call.clone(), fresh.clone(), now);
                (seq, fresh, true)
            }
        };
        self.observe(&format!("{seq} {answer:?}"));
        Ok((seq, answer, new))
    }

    fn write(&mut self, call: Call, answer: Answer, now: Timestamp) -> Seq {
        let entry = self.journal.write(call, answer, now).clone();
        let seq = entry.seq;
        self.progress.entries.push(entry);
        seq
    }

    fn observe(&mut self, what: &str) {
        let clock = self.journal.clock().0;
        self.observed.push(format!("{what} @{clock}"));
    }

    fn task(&mut self, doing: Doing, rng: &mut Rng, now: Timestamp) -> Result<Seq, String> {
        let Doing { n, fails, .. } = doing;
        let task = TaskName::trusted("compute");
        let call = Call::Task(TaskCall {
            task: task.clone(),
            arguments: vec![(
                "n".to_owned(),
                Argument::Value(Json::trusted(format!("[{n},{fails}]"))),
            )],
            wait_for: Vec::new(),
            options: TaskOptions::default(),
            scope: None,
        });
        let id = TaskRunId(rng.uuid());
        let (seq, answer, _) = self.call(&call, Answer::TaskRun { id }, now)?;
        let Answer::TaskRun { id } = answer else {
            return Err(format!("a task was answered {answer:?}"));
        };
        if self.journal.settlement(seq).is_none() {
            let new = TaskRun {
                id,
                flow_run: self.run.id,
                journal: self.run.id,
                seq,
                task,
                name: format!("compute-{seq}"),
                tags: Vec::new(),
                attempt: 0,
                retry_at: None,
                history: vec![State::pending(now)],
            };
            self.progress
                .task_runs
                .extend(self.tasks.call(new, doing, now));
        }
        Ok(seq)
    }

    fn child(
        &mut self,
        at: usize,
        rng: &mut Rng,
        pool: &PoolName,
        now: Timestamp,
    ) -> Result<Seq, String> {
        let flow = Scripts::name(at);
        let request = RunRequest {
            deployment: DeploymentName::default_for(&flow).to_string(),
            parameters: Json::empty_object(),
            flow_run_name: None,
            tags: Vec::new(),
            scheduled: None,
            idempotency_key: None,
            work_queue: None,
            as_subflow: true,
            scope: None,
        };
        let mut child = new_run(flow.as_str(), RunId(rng.uuid()), pool, now);
        child.run.parent = Some(self.run.id);
        // Names the position of the call, so that a second child of it shows.
        let position = self.journal.last().0 + 1;
        child.run.tags = vec![format!("{}/{}/{position}", self.run.id, self.run.attempt)];
        let run = child.run.snapshot();
        let call = Call::RunDeployment(request);
        let (seq, _, new) = self.call(&call, Answer::Run { run }, now)?;
        if new {
            self.progress.children.push(child);
        }
        self.follow(seq);
        Ok(seq)
    }

    fn timer(&mut self, duration_ms: u64, now: Timestamp) -> Result<Seq, String> {
        let at = Timestamp(now.0 + duration_ms as i64 * 1000);
        let (seq, ..) = self.call(&Call::Timer { duration_ms }, Answer::Due { at }, now)?;
        self.follow(seq);
        Ok(seq)
    }

    fn input(&mut self, rng: &mut Rng, now: Timestamp) -> Result<Seq, String> {
        let call = Call::Input {
            key: format!("input {}", self.handles.len()),
            timeout_ms: None,
            scope: None,
        };
        let answer = Answer::Input {
            id: InputId(rng.uuid()),
            description: None,
            schema: Json::trusted(r#"{"type":"object"}"#),
            until: None,
        };
        let (seq, ..) = self.call(&call, answer, now)?;
        self.follow(seq);
        Ok(seq)
    }

    fn watch(&mut self, now: Timestamp) -> Result<Seq, String> {
        let named = self.run.parameters.value()["watch"]
            .as_str()
            .map(str::parse);
        let Some(Ok(run)) = named else {
            return self.timer(0, now);
        };
        let (seq, ..) = self.call(&Call::WatchRun { run }, Answer::Accepted, now)?;
        self.follow(seq);
        Ok(seq)
    }

    fn follow(&mut self, seq: Seq) {
        if self.journal.settlement(seq).is_none() {
            self.outside.insert(seq);
        }
    }

    fn wait_all(&mut self, handles: &[usize], now: Timestamp) -> Wish {
        let handles: Vec<Seq> = handles.iter().map(|at| self.handles[*at]).collect();
        if self.left.is_none() {
            self.left = Some(Vec::new());
            self.waits += 1;
        }
        match self.told_to_end(now) {
            Ok(false) => {}
            Ok(true) => return Wish::GoOn,
            Err(diverged) => return Wish::Diverged(diverged),
        }
        match self.journal.wait_all(&handles) {
            Waited::Ready { handles, .. } => self.told(&handles, None),
            Waited::Blocked(unsettled) => {
                let count = unsettled.len() as u32;
                self.block(unsettled, count)
            }
        }
    }

    fn wait_any(&mut self, handles: &[usize], all: bool, now: Timestamp) -> Wish {
        let left = match self.left.take() {
            Some(left) => left,
            None => {
                self.waits += 1;
                handles.iter().map(|at| self.handles[*at]).collect()
            }
        };
        self.left = Some(left.clone());
        match self.told_to_end(now) {
            Ok(false) => {}
            Ok(true) => return Wish::GoOn,
            Err(diverged) => return Wish::Diverged(diverged),
        }
        match self.journal.wait_any(&left, now) {
            Err(diverged) => Wish::Diverged(diverged.to_string()),
            Ok(Waited::Blocked(unsettled)) => self.block(unsettled, 1),
            Ok(Waited::Ready { handles, new }) => {
                if new {
                    let entry = self.journal.entry(self.journal.last()).cloned();
                    self.progress.entries.extend(entry);
                }
                let left = left.into_iter().filter(|seq| all && !handles.contains(seq));
                let left: Vec<Seq> = left.collect();
                if !left.is_empty() {
                    self.waits += 1;
                }
                self.told(&handles, Some(left))
            }
        }
    }

    /// Whether it only watches a run, and takes nothing from it.
    fn watches(&self, seq: Seq) -> bool {
        let entry = self.journal.entry(seq);
        entry.is_some_and(|entry| matches!(entry.call, Call::WatchRun { .. }))
    }

    fn block(&self, unsettled: Vec<Seq>, count: u32) -> Wish {
        if !self.tasks.computing.is_empty() {
            return Wish::Tasks;
        }
        let retry = self.tasks.retries.first();
        let task = retry.map(|(_, task)| task);
        let (calls, count) = wake_by(unsettled, count as usize, [], &self.outside, task);
        Wish::Outside(calls, count as u32, retry.map(|(due, _)| due))
    }

    /// The flow hears what became of these, and fails if one of them did.
    fn told(&mut self, handles: &[Seq], left: Option<Vec<Seq>>) -> Wish {
        for seq in handles {
            let settlement = self.journal.told(*seq).cloned();
            self.observe(&format!("{seq} {settlement:?}"));
            match settlement.map(|settlement| settlement.value()) {
                Some(Err(failure)) if !self.watches(*seq) => {
                    let message = format!("call {seq}: {failure}");
                    return Wish::End(Err(Failure::new(FailureKind::Error, message)));
                }
                Some(_) => {}
                None => return Wish::Diverged(format!("a wait told {seq}, which has not settled")),
            }
        }
        match left {
            Some(left) if !left.is_empty() => self.left = Some(left),
            _ => {
                self.left = None;
                self.at += 1;
            }
        }
        Wish::GoOn
    }

    /// Errs once when the run is to be cancelled, at a wait; on replay at the same one.
    fn told_to_end(&mut self, now: Timestamp) -> Result<bool, String> {
        let call = Call::Cancelled { wait: self.waits };
        if self.journal.holds_next(&call) {
            self.journal.ask(&call).map_err(|err| err.to_string())?;
        } else if self.cancel_told || !self.cancel || !self.journal.is_live() {
            return Ok(false);
        } else {
            self.abandon_tasks(now);
            self.write(call, Answer::Accepted, now);
        }
        self.cancel_told = true;
        self.observe(TOLD_TO_END);
        self.left = None;
        self.ops = match self.script.cleans_up {
            true => vec![
                Op::Task(Doing {
                    n: 7777,
                    fails: 0,
                    stumbles: 0,
                    delay: Duration::ZERO,
                }),
                Op::Timer(10),
                Op::All(vec![self.handles.len(), self.handles.len() + 1]),
            ],
            false => Vec::new(),
        };
        self.at = 0;
        self.cleaning_up = true;
        Ok(true)
    }

    fn finish(&mut self) -> Wish {
        if self.cleaning_up {
            return Wish::End(Err(Failure::cancelled()));
        }
        if !self.tasks.computing.is_empty() {
            return Wish::Tasks;
        }
        let own = self.handles.iter().filter(|seq| !self.watches(**seq));
        let told = own.filter_map(|seq| self.journal.told(*seq));
        let value: u64 = told.map(value_of).sum();
        Wish::End(Ok(Json::trusted(format!(r#"{{"v":{value}}}"#))))
    }

    /// Takes note that a task has ended.
    pub fn task_ended(&mut self, seq: Seq, outcome: Outcome, at: Timestamp) {
        self.tasks.ended(seq);
        let settlement = Settlement::Task(outcome);
        if !self.journal.settle(seq, at, settlement.clone()) {
            return;
        }
        match self
            .progress
            .entries
            .iter_mut()
            .find(|entry| entry.seq == seq)
        {
            Some(entry) => entry.settled = Some((at, settlement)),
            None => self.progress.settled.push(Settled {
                seq,
                at,
                settlement,
            }),
        }
    }

    pub fn abandon_tasks(&mut self, now: Timestamp) {
        for seq in self.tasks.abandon() {
            let failure = Failure::new(FailureKind::Cancelled, "nobody waits for it");
            self.task_ended(seq, Err(failure), now);
        }
    }

    pub fn look_up(&mut self, settled: Vec<Settled>) {
        for settled in settled {
            self.outside.remove(&settled.seq);
            self.journal
                .settle(settled.seq, settled.at, settled.settlement);
        }
    }

    pub fn take_progress(&mut self, next: Next) -> Progress {
        let lease = self.progress.lease;
        let mut progress = std::mem::replace(&mut self.progress, Progress::new(lease));
        progress.next = next;
        self.tasks.failed = false;
        progress
    }

    pub fn retry(&self) -> &model::RetryPolicy {
        &self.script.retry
    }
}

/// A run of the simulation's pool, ready now.
pub(super) fn new_run(flow: &str, id: RunId, pool: &PoolName, now: Timestamp) -> NewRun {
    let mut new = cast::new_run(flow);
    new.run.id = id;
    new.run.name = model::RunName::trusted("simulated");
    new.run.pool = Some(pool.clone());
    new.run.created = now;
    new.run.scheduled = now;
    new.run.state = State::scheduled(now);
    new
}

fn value_of(settlement: &Settlement) -> u64 {
    match settlement.value() {
        Ok(value) => value.value()["v"].as_u64().unwrap_or(0),
        Err(_) => 0,
    }
}
