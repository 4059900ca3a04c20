//! The task runs of a flow: submitted, started when what they need is there, and ended.
//!
//! ```text
//! submit --> needs settled? -- no --> waiting --settled--+
//!              `- yes -------------------------------+---+--> Effect::StartTask
//! Retries: the next attempt is due ------------------+            |
//!                                                                 v
//!                      TaskEvent::CallsOut --> recorded that it runs? -- yes --> Effect::LetOut
//!                                                `- no --> held until it is -------^
//! ```
//!
//! Nobody outside may see what a task does before the record that says it runs, so its first
//! call to the outside is held until then. What it computes before is seen by nobody.

use std::collections::HashSet;
use std::time::Duration;

use super::live::Live;
use super::machine::{Asked, Asks, Flow, No, wrong_answer};
use super::step::{Effect, Mode, Moment, TaskEvent, TaskJob};
use crate::{Dependencies, check_arguments, failure_of_task, task_arguments};
use model::{
    Answer, Call, Entry, Failure, FailureKind, Json, Outcome, Reply, Seq, Settlement, State,
    TaskCall, TaskLine, TaskRun, TaskRunId, Timestamp,
};

impl Flow {
    pub(super) fn submit(&mut self, call: TaskCall, at: &mut Moment) -> Asks {
        self.check_call(&call)?;
        let task = call.task.clone();
        let call = Call::Task(call);
        let asked = self.look_back(&call)?;
        let (seq, id) = match asked {
            Asked::Answered(seq, Answer::TaskRun { id }) => (seq, id),
            Asked::Answered(seq, _) => return Err(wrong_answer(seq)),
            Asked::New(kept) => {
                let id = TaskRunId::new(&mut at.ids);
                let seq = match kept {
                    Some(kept) => self.write_kept(call, kept, at.now),
                    None => self.write(call, Answer::TaskRun { id }, at.now),
                };
                (seq, id)
            }
        };
        let number = self.tasks.numbers.entry(task).or_default();
        let number = std::mem::replace(number, *number + 1);
        if self.journal.settlement(seq).is_none() && self.mode != Mode::PastOnly {
            self.begin_task(seq, id, number, at.now);
        }
        Ok(self.answer(Reply::Handle(seq)))
    }

    /// What can be said of a call without the journal, and so is the same on replay.
    fn check_call(&self, call: &TaskCall) -> Result<(), No> {
        if self.manifest.task(call.task.as_str()).is_none() {
            let message = format!("the component has no task `{}`", call.task);
            return Err(Failure::new(FailureKind::NotFound, message).into());
        }
        if let Some(name) = given_twice(call) {
            let message = format!("task `{}`: argument `{name}` is given twice", call.task);
            return Err(Failure::new(FailureKind::Invalid, message).into());
        }
        match call.needs().find(|seq| !self.journal.can_settle(*seq)) {
            None => Ok(()),
            Some(seq) => {
                let message = format!("task `{}`: there is no call {seq} to wait for", call.task);
                Err(Failure::new(FailureKind::Invalid, message).into())
            }
        }
    }

    fn begin_task(&mut self, seq: Seq, id: TaskRunId, number: u32, now: Timestamp) {
        let Some(Call::Task(call)) = self.journal.entry(seq).map(|entry| &entry.call) else {
            return;
        };
        let author = self.manifest.task(call.task.as_str());
        let options = match author {
            Some(author) => call.options.over(&author.options),
            None => call.options.clone(),
        };
        let (retry, timeout) = (options.retry(), options.timeout_ms);
        let flow_run = self.run(call.scope).id;
        let run = match self.tasks.recorded.remove(&id) {
            Some(recorded) => {
                let locks = options.cache.as_ref().is_some_and(|it| it.lock);
                if locks || !options.limits.is_empty() || !recorded.tags.is_empty() {
                    self.tasks.asked_before.insert(seq);
                }
                recorded
            }
            None => {
                self.tasks.changed.insert(seq);
                let name = options.task_run_name;
                TaskRun {
                    id,
                    flow_run,
                    journal: self.run.id,
                    seq,
                    task: call.task.clone(),
                    name: name.unwrap_or_else(|| format!("{}-{number}", call.task)),
                    tags: options.tags,
                    attempt: 0,
                    retry_at: None,
                    worker: None,
                    history: vec![State::pending(now).into()],
                }
            }
        };
        let retry_at = run.retry_at.filter(|due| *due > now);
        let live = Live {
            run,
            retry,
            timeout: timeout.map(Duration::from_millis),
        };
        self.tasks.live.insert(seq, live);
        let unsettled = call
            .needs()
            .filter(|seq| self.journal.settlement(*seq).is_none());
        if !self.tasks.waiting.add(seq, unsettled) {
            return;
        }
        match retry_at {
            Some(due) => self.tasks.retries.add(seq, due),
            None => self.start_task(seq, now),
        }
    }

    /// Starts an attempt of a task whose needs have all settled.
    pub(super) fn start_task(&mut self, seq: Seq, now: Timestamp) {
        let Some(Call::Task(call)) = self.journal.entry(seq).map(|entry| &entry.call) else {
            return;
        };
        let scope = call.scope;
        let settlement = |seq| self.journal.settlement(seq).cloned();
        let bytes_max = self.limits.arguments_bytes_max;
        if let Err(failure) = check_arguments(call, settlement, bytes_max) {
            return self.task_ended(seq, Err(failure), now);
        }
        if !self.is_looked_up(seq) || !self.may_start(seq, now) {
            return;
        }
        let Some(Live { run, timeout, .. }) = self.attempt_begins(seq, now) else {
            return;
        };
        let job = Box::new(TaskJob {
            seq,
            id: run.id,
            flow_run: run.flow_run,
            scope,
            task: run.task.clone(),
            name: run.name.clone(),
            attempt: run.attempt,
            timeout: *timeout,
        });
        // So that the sync does not begin only when the task asks for it.
        self.tasks.record_due |= self.tasks.called_out.contains(&job.task);
        self.effects.push_back(Effect::StartTask(job));
    }

    /// The arguments of a task that starts.
    pub fn arguments(&self, task: Seq) -> Json {
        match self.journal.entry(task).map(|entry| &entry.call) {
            Some(Call::Task(call)) => {
                task_arguments(call, |seq| self.journal.settlement(seq).cloned())
            }
            _ => Json::empty_object(),
        }
    }

    /// An attempt wants to do what others can see. It may once it is recorded that it runs, and
    /// with that all that has led to it.
    fn calls_out(&mut self, seq: Seq, attempt: u32) {
        let Some(live) = self.tasks.live(seq) else {
            return;
        };
        // An earlier attempt may have asked, and has ended since.
        if live.run.attempt != attempt {
            return;
        }
        self.tasks.called_out.insert(live.run.task.clone());
        if self.tasks.changed.contains(&seq) {
            self.tasks.held.push((seq, attempt));
        } else {
            self.effects.push_back(Effect::LetOut { seq, attempt });
        }
    }

    /// Lets the attempts call out of which it is recorded now that they run.
    pub(super) fn release_held(&mut self) {
        let held = self.tasks.held.drain(..);
        let let_out = |(seq, attempt)| Effect::LetOut { seq, attempt };
        self.effects.extend(held.map(let_out));
    }

    /// Takes note of what happened to a task, and starts what waited for it. For a wait, which
    /// looks at it then.
    pub fn note(&mut self, event: TaskEvent, now: Timestamp) {
        self.take_note(event);
        self.start_ready(now);
    }

    fn take_note(&mut self, event: TaskEvent) {
        match event {
            TaskEvent::Line(line) => self.buffer.progress.logs.push(line),
            TaskEvent::Artifact(artifact) => self.buffer.add_artifact(artifact),
            TaskEvent::CallsOut { seq, attempt } => self.calls_out(seq, attempt),
            TaskEvent::Ended {
                seq,
                outcome,
                at,
                chance,
            } => self.attempt_ended(seq, outcome, at, chance),
        }
    }

    /// Starts the tasks whose needs have settled. A task that cannot run settles itself,
    /// and others may wait for that.
    pub(super) fn start_ready(&mut self, now: Timestamp) {
        while let Some(seq) = self.tasks.waiting.next_ready() {
            self.start_task(seq, now);
        }
    }

    /// The flow cancels a task. One that has ended stays what it is.
    pub(super) fn cancel_task(&mut self, task: Seq, at: &mut Moment) -> Asks {
        let is_task = |entry: &Entry| matches!(entry.call, Call::Task(_));
        if !self.journal.is_known(task) || !self.journal.entry(task).is_some_and(is_task) {
            let message = format!("{task} is not a task that was started");
            return Err(Failure::new(FailureKind::Invalid, message).into());
        }
        if let Asked::New(_) = self.look_back(&Call::CancelTask { task })? {
            if self.journal.settlement(task).is_none() {
                self.stop_task(task);
                let live = self.tasks.live(task);
                let name = live.map_or_else(String::new, |live| format!("`{}` ", live.run.name));
                let message = format!("task {name}was cancelled by its flow");
                let failure = Failure::new(FailureKind::Cancelled, message);
                self.task_ended(task, Err(failure), at.now);
                self.start_ready(at.now);
            }
            self.write(Call::CancelTask { task }, Answer::Accepted, at.now);
        }
        Ok(self.answer(Reply::Done))
    }

    /// Whatever is done for a task is no longer done.
    fn stop_task(&mut self, task: Seq) {
        self.tasks.held.retain(|(seq, _)| *seq != task);
        self.tasks.retries.remove(task);
        self.tasks.waiting.remove(task);
        self.tasks.looking.remove(&task);
        self.effects.push_back(Effect::DropTask { seq: task });
    }

    pub(super) fn task_ended(&mut self, seq: Seq, outcome: Outcome, at: Timestamp) {
        if let Ok(value) = &outcome {
            self.cache(seq, value, at);
        }
        let line = TaskLine::ended(&outcome, at);
        self.task_ended_with(seq, outcome, line, at);
    }

    pub(super) fn task_ended_with(
        &mut self,
        seq: Seq,
        outcome: Outcome,
        line: TaskLine,
        at: Timestamp,
    ) {
        let mut outcome = outcome;
        self.tasks.before.remove(&seq);
        if let Some(Live { mut run, .. }) = self.tasks.live.remove(&seq) {
            run.history.push(line);
            run.retry_at = None;
            outcome = outcome.map_err(|failure| failure_of_task(failure, &run));
            self.tasks.changed.remove(&seq);
            self.tasks.ended.push(run);
        }
        self.give_back(seq, at);
        let settlement = Settlement::Task(outcome);
        if self.settle(seq, at, settlement.clone()) {
            self.buffer.settle(seq, at, settlement);
        }
    }

    /// Ends the tasks of which only the record is known: of an attempt that ends without
    /// having been executed again.
    pub(super) fn abandon_recorded(&mut self, why: &Failure, now: Timestamp) {
        for (_, mut run) in self.tasks.recorded.drain() {
            run.history.push(TaskLine::ended(&Err(why.clone()), now));
            run.retry_at = None;
            self.tasks.ended.push(run);
        }
    }

    /// Ends the tasks that the flow no longer waits for, except those that ended by themselves.
    pub(super) fn abandon_tasks(&mut self, why: &Failure, now: Timestamp) {
        if self.tasks.live.is_empty() {
            return;
        }
        self.effects.push_back(Effect::DropTasks);
        self.tasks.held.clear();
        self.tasks.retries.clear();
        self.tasks.waiting = Dependencies::default();
        self.tasks.looking.clear();
        let mut live: Vec<Seq> = self.tasks.live.keys().copied().collect();
        live.sort();
        for seq in live {
            self.task_ended(seq, Err(why.clone()), now);
        }
    }
}

/// The name of an argument that a call has two of: no object could hold them.
fn given_twice(call: &TaskCall) -> Option<&str> {
    if call.arguments.len() < 2 {
        return None;
    }
    let mut names = HashSet::with_capacity(call.arguments.len());
    let given = call.arguments.iter().map(|(name, _)| name.as_str());
    given.into_iter().find(|name| !names.insert(*name))
}
