//! The task runs of a flow: submitted, started when what they need is there, and told of.

use std::sync::Arc;
use std::time::Duration;

use super::calls::context_of;
use super::{Asked, FlowExecution};
use crate::tasks::{self, TaskEvent, TaskJob};
use model::{
    Answer, Call, Failure, FailureKind, Outcome, Seq, Settlement, State, TaskCall, TaskOptions,
    TaskRun, TaskRunId, Timestamp,
};
use operations::FreshIds;
use orchestrator::{Dependencies, failure_of_task, task_arguments};
use store::Settled;
use wasm::{CallError, CallResult, RunContext, TaskContext};

impl FlowExecution {
    pub(super) async fn submit(&mut self, call: TaskCall) -> CallResult<Seq> {
        self.check(&call)?;
        let asked_call = Call::Task(call.clone());
        let asked = self.ask(&asked_call)?;
        let (seq, id) = match asked {
            Asked::Answered(seq, Answer::TaskRun { id }) => (seq, id),
            Asked::Answered(seq, _) => {
                let message = format!("the journal's answer at {seq} is not a task run");
                return Err(Failure::new(FailureKind::Crashed, message).into());
            }
            Asked::New(kept) => {
                let id = TaskRunId::new(&mut FreshIds);
                let answer = Answer::TaskRun { id };
                let seq = match kept {
                    Some(kept) => self.write_kept(asked_call, kept),
                    None => self.write(asked_call, answer),
                };
                (seq, id)
            }
        };
        let number = self.tasks.numbers.entry(call.task.to_string()).or_default();
        let name = format!("{}-{number}", call.task);
        *number += 1;
        if self.journal.settlement(seq).is_none() {
            self.begin_task(seq, id, &call, name).await?;
        }
        if self.progress.entries.len() >= super::ENTRIES_MAX {
            self.flush().await?;
        }
        Ok(seq)
    }

    /// What can be said of a call without the journal, and so is the same on replay.
    fn check(&self, call: &TaskCall) -> CallResult<()> {
        let refuse = |kind, message| Err(CallError::Failure(Failure::new(kind, message)));
        if self.prepared.manifest.task(call.task.as_str()).is_none() {
            let message = format!("the component has no task `{}`", call.task);
            return refuse(FailureKind::NotFound, message);
        }
        match call.needs().find(|seq| !self.can_settle(*seq)) {
            None => Ok(()),
            Some(seq) => {
                let message = format!("task `{}`: there is no call {seq} to wait for", call.task);
                refuse(FailureKind::Invalid, message)
            }
        }
    }

    /// The options of a call, over those of the task's author.
    fn options(&self, call: &TaskCall) -> TaskOptions {
        let author = self.prepared.manifest.task(call.task.as_str());
        match author {
            Some(author) => call.options.over(&author.options),
            None => call.options.clone(),
        }
    }

    async fn begin_task(
        &mut self,
        seq: Seq,
        id: TaskRunId,
        call: &TaskCall,
        name: String,
    ) -> CallResult<()> {
        let run = match self.tasks.recorded.remove(&id) {
            Some(recorded) => recorded,
            None => {
                self.tasks.changed.insert(seq);
                self.new_task_run(seq, id, call, name)
            }
        };
        let retry_at = run.retry_at.filter(|due| *due > self.shared.now());
        self.tasks.live.insert(seq, run);
        let journal = &self.journal;
        let unsettled = call
            .needs()
            .filter(|seq| journal.settlement(*seq).is_none());
        if !self.tasks.waiting.add(seq, unsettled) {
            return Ok(());
        }
        match retry_at {
            Some(due) => self.tasks.retries.add(seq, due),
            None => self.start_task(seq).await?,
        }
        Ok(())
    }

    fn new_task_run(&self, seq: Seq, id: TaskRunId, call: &TaskCall, name: String) -> TaskRun {
        let options = self.options(call);
        TaskRun {
            id,
            flow_run: self.scope_run(call.scope),
            journal: self.run.id,
            seq,
            task: call.task.clone(),
            name: options.task_run_name.unwrap_or(name),
            tags: options.tags,
            attempt: 0,
            retry_at: None,
            history: vec![State::pending(self.shared.now())],
        }
    }

    /// Starts an attempt of a task whose needs have all settled.
    pub(super) async fn start_task(&mut self, seq: Seq) -> CallResult<()> {
        let Some(Call::Task(call)) = self.journal.entry(seq).map(|entry| entry.call.clone()) else {
            return Ok(());
        };
        let arguments = task_arguments(&call, |seq| self.journal.settlement(seq).cloned());
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(failure) => {
                self.task_ended(seq, Err(failure), self.shared.now());
                return Ok(());
            }
        };
        self.attempt_begins(seq, self.shared.now());
        // Somebody outside may see what the task does: not before it is known to be called.
        if !self.run.grants.is_empty() {
            self.flush().await?;
        }
        let options = self.options(&call);
        let Some(run) = self.tasks.live.get(&seq) else {
            return Ok(());
        };
        let job = TaskJob {
            seq,
            id: run.id,
            flow_run: run.flow_run,
            context: self.context_of(call.scope),
            task: TaskContext {
                id: run.id,
                name: run.name.clone(),
                task: run.task.clone(),
                attempt: run.attempt,
            },
            arguments,
            grants: self.run.grants.clone(),
            retry: options.retry(),
            timeout: options.timeout_ms.map(Duration::from_millis),
        };
        let runtime = Arc::clone(&self.shared.runtime);
        let prepared = Arc::clone(&self.prepared);
        let tell = self.tasks.tell.clone();
        // In a box, since a spawned future is moved a few times.
        let clock = Arc::clone(self.shared.store.clock());
        let attempt = Box::pin(tasks::execute(job, runtime, prepared, tell, clock));
        self.tasks.executing.spawn(attempt);
        Ok(())
    }

    /// Takes note of what happened to a task, and starts what waited for it.
    pub(super) async fn handle(&mut self, event: TaskEvent) -> CallResult<()> {
        match event {
            TaskEvent::Line(line) => self.progress.logs.push(line),
            TaskEvent::AwaitsRetry {
                seq,
                failure,
                delay,
                at,
            } => self.await_retry(seq, &failure, delay, at),
            TaskEvent::Ended { seq, outcome, at } => self.task_ended(seq, outcome, at),
        }
        self.start_ready().await
    }

    /// Takes note of everything that has happened until now.
    pub(super) async fn handle_pending(&mut self) -> CallResult<()> {
        while let Ok(event) = self.tasks.events.try_recv() {
            self.handle(event).await?;
        }
        Ok(())
    }

    /// Starts the tasks whose needs have settled. A task that cannot run settles itself,
    /// and others may wait for that.
    pub(super) async fn start_ready(&mut self) -> CallResult<()> {
        while let Some(seq) = self.tasks.waiting.next_ready() {
            self.start_task(seq).await?;
        }
        Ok(())
    }

    /// What a run may know of itself: this one, or a subflow.
    pub(super) fn context_of(&self, scope: Option<Seq>) -> Arc<RunContext> {
        match scope.and_then(|scope| self.subflows.get(&scope)) {
            Some(subflow) => Arc::new(context_of(subflow)),
            None => {
                let context = || Arc::new(context_of(&self.run));
                Arc::clone(self.context.get_or_init(context))
            }
        }
    }

    fn task_ended(&mut self, seq: Seq, outcome: Outcome, at: Timestamp) {
        let mut outcome = outcome;
        if let Some(mut run) = self.tasks.live.remove(&seq) {
            run.history.push(State::ended(&outcome, at));
            run.retry_at = None;
            outcome = outcome.map_err(|failure| failure_of_task(failure, &run));
            self.tasks.changed.remove(&seq);
            self.tasks.ended.push(run);
        }
        let settlement = Settlement::Task(outcome);
        if !self.settle(seq, at, settlement.clone()) {
            return;
        }
        // One row instead of two, where the call itself is still to be recorded.
        let first = self.progress.entries.first().map(|entry| entry.seq);
        let place = first.and_then(|first| usize::try_from(seq.0.checked_sub(first.0)?).ok());
        match place.and_then(|place| self.progress.entries.get_mut(place)) {
            Some(entry) => entry.settled = Some((at, settlement)),
            None => self.progress.settled.push(Settled {
                seq,
                at,
                settlement,
            }),
        }
    }

    /// Settles a call in the journal, for whoever waits. Whether that is news.
    pub(super) fn settle(&mut self, seq: Seq, at: Timestamp, settlement: Settlement) -> bool {
        self.outside.remove(&seq);
        let news = self.journal.settle(seq, at, settlement);
        self.tasks.waiting.settled(seq);
        news
    }

    /// Ends the tasks of which only the record is known: of an attempt that ends without
    /// having been executed again.
    pub(super) fn abandon_recorded(&mut self, why: &Failure) {
        let at = self.shared.now();
        for (_, mut run) in self.tasks.recorded.drain() {
            run.history.push(State::ended(&Err(why.clone()), at));
            run.retry_at = None;
            self.tasks.ended.push(run);
        }
    }

    /// Ends the tasks that nobody waits for any more.
    pub(super) fn abandon_tasks(&mut self, why: &Failure) {
        self.tasks.executing.abort_all();
        self.tasks.retries.clear();
        self.tasks.waiting = Dependencies::default();
        while let Ok(event) = self.tasks.events.try_recv() {
            match event {
                TaskEvent::Ended { seq, outcome, at } => self.task_ended(seq, outcome, at),
                TaskEvent::Line(line) => self.progress.logs.push(line),
                TaskEvent::AwaitsRetry { .. } => {}
            }
        }
        let live: Vec<Seq> = self.tasks.live.keys().copied().collect();
        for seq in live {
            self.task_ended(seq, Err(why.clone()), self.shared.now());
        }
    }
}
