//! One execution of a scripted flow: the flow machine, the guest that asks it, and what its
//! tasks do. The world decides when something of it goes on.

use std::sync::Arc;

use super::guest::{Guest, Turn};
use super::rng::Rng;
use super::script::Script;
use crate::{Claimed, Progress};
use model::{
    Ask, Call, Failure, FailureKind, Json, Lease, LogLevel, LogLine, LogSource, Manifest, Outcome,
    RunId, Seq, State, TaskName, TaskRunId, Timestamp,
};
use orchestrator::flow::{
    Effect, Event, Flow, FlowLimits, Mode, Moment, Past, Signal, Step, TaskEvent, TaskJob,
};

/// Calls of one execution: more than any script makes.
const CALLS_MAX: u64 = 1000;

pub(super) struct Execution {
    pub id: RunId,
    pub attempt: u32,
    pub flow: Flow,
    pub guest: Guest,
    /// What the machine wants. None: it is the guest's turn.
    pub step: Option<Step>,
    /// What it was ordered by the store.
    pub order: Signal,
    computing: Vec<TaskJob>,
    /// Attempts that want to call out, and wait until they may.
    asking: Vec<TaskJob>,
    /// Attempts that may since the world looked last.
    let_out: Vec<(TaskRunId, u32)>,
    /// Attempts that have begun since the world looked last.
    begun: Vec<Seq>,
    /// Results that were found, by the call of the task that has them.
    pub found: Vec<(Seq, Json)>,
    events: Vec<TaskEvent>,
    /// The `Running` state, until it is recorded.
    first: Option<State>,
}

impl Execution {
    pub fn new(
        claimed: &Claimed,
        script: Arc<Script>,
        manifest: &Arc<Manifest>,
        past: Past,
        now: Timestamp,
    ) -> Self {
        let run = claimed.run.clone();
        let started = run.started.unwrap_or(now);
        let (id, attempt) = (run.id, run.attempt);
        let order = Signal::of(run.state.kind);
        let limits = FlowLimits {
            calls_max: CALLS_MAX,
            journal_bytes_max: usize::MAX,
            arguments_bytes_max: usize::MAX,
            timeout: None,
        };
        let (manifest, mode) = (Arc::clone(manifest), Mode::Live(claimed.lease));
        let flow = Flow::new(run, started, manifest, past, mode, limits);
        Self {
            id,
            attempt,
            guest: Guest::new(script, &flow),
            flow,
            step: None,
            order,
            computing: Vec::new(),
            asking: Vec::new(),
            let_out: Vec::new(),
            begun: Vec::new(),
            found: Vec::new(),
            events: Vec::new(),
            first: Some(State::running(attempt, now.max(started))),
        }
    }

    pub fn lease(&self) -> Lease {
        self.flow.lease()
    }

    pub fn computes(&self) -> bool {
        !self.computing.is_empty()
    }

    /// The attempts that are executed.
    pub fn executed(&self) -> impl Iterator<Item = &TaskJob> {
        self.computing.iter().chain(&self.asking)
    }

    /// The task that a call of it runs.
    pub fn task(&self, seq: Seq) -> Option<&TaskName> {
        match &self.flow.journal().entry(seq)?.call {
            Call::Task(call) => Some(&call.task),
            _ => None,
        }
    }

    /// Attempts that have begun since this was asked last, and are executed.
    pub fn begun(&mut self) -> Vec<Seq> {
        let mut begun = std::mem::take(&mut self.begun);
        begun.retain(|seq| self.executed().any(|job| job.seq == *seq));
        begun
    }

    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The guest asks, or gives the outcome with which it returns.
    pub fn ask(&mut self, rng: &mut Rng, now: Timestamp) -> Option<Outcome> {
        match self.guest.turn(&self.flow) {
            Turn::Return(outcome) => return Some(outcome),
            Turn::Ask(ask) => {
                if matches!(*ask, Ask::WaitAny(_) | Ask::WaitAll(_)) {
                    self.note_events(now);
                    self.flow.tell(self.order);
                }
                let at = moment(rng, now);
                self.step = Some(self.flow.ask(*ask, at));
            }
        }
        self.perform();
        None
    }

    pub fn happened(&mut self, event: Event, rng: &mut Rng, now: Timestamp) {
        self.step = Some(self.flow.happened(event, moment(rng, now)));
        self.perform();
    }

    /// The machine hears of all that its tasks have done.
    pub fn hear_tasks(&mut self, rng: &mut Rng, now: Timestamp) {
        let last = self.events.pop().expect("there are events");
        self.note_events(now);
        self.happened(Event::Task(last), rng, now);
    }

    pub fn note_events(&mut self, now: Timestamp) {
        for event in self.events.drain(..) {
            self.flow.note(event, now);
        }
    }

    fn perform(&mut self) {
        while let Some(effect) = self.flow.next_effect() {
            match effect {
                Effect::StartTask(job) => {
                    self.begun.push(job.seq);
                    self.computing.push(*job);
                }
                Effect::LetOut { seq, attempt } => self.lets_out(seq, attempt),
                Effect::DropTasks => {
                    self.computing.clear();
                    self.asking.clear();
                }
                Effect::DropTask { seq } => {
                    self.computing.retain(|job| job.seq != seq);
                    self.asking.retain(|job| job.seq != seq);
                }
            }
        }
    }

    fn lets_out(&mut self, seq: Seq, attempt: u32) {
        let asks = |job: &TaskJob| job.seq == seq && job.attempt == attempt;
        let at = self.asking.iter().position(asks);
        let job = self
            .asking
            .swap_remove(at.expect("only who asks is let out"));
        self.let_out.push((job.id, job.attempt));
        self.computing.push(job);
    }

    /// Attempts that have called out since this was asked last.
    pub fn called_out(&mut self) -> Vec<(TaskRunId, u32)> {
        std::mem::take(&mut self.let_out)
    }

    /// An attempt of one of its tasks wants to do what others can see.
    pub fn call_out(&mut self, rng: &mut Rng) {
        let job = self.computing.swap_remove(rng.below(self.computing.len()));
        self.events.push(TaskEvent::CallsOut {
            seq: job.seq,
            attempt: job.attempt,
        });
        self.asking.push(job);
    }

    /// An attempt of one of its tasks ends. Which one, and what it says of itself.
    pub fn compute(
        &mut self,
        nonce: u64,
        rng: &mut Rng,
        now: Timestamp,
    ) -> (TaskRunId, u32, String) {
        let job = self.computing.swap_remove(rng.below(self.computing.len()));
        let does = &self.flow.arguments(job.seq).value()["does"];
        let [n, fails, stumbles] = [0, 1, 2].map(|at| does[at].as_u64().expect("a number"));
        let failed = |message| Err(Failure::new(FailureKind::Error, message));
        let outcome = if u64::from(job.attempt) <= stumbles {
            failed(format!("stumbled {nonce}"))
        } else if u64::from(self.attempt) <= fails {
            failed(format!("bad luck {nonce}"))
        } else {
            Ok(Json::trusted(format!(r#"{{"v":{n},"nonce":{nonce}}}"#)))
        };
        let said = format!("call {} attempt {}", job.seq, job.attempt);
        self.events.push(TaskEvent::Line(LogLine {
            run: job.flow_run,
            source: LogSource::Task(job.id),
            at: now,
            level: LogLevel::Info,
            target: String::new(),
            message: said.clone(),
        }));
        self.events.push(TaskEvent::Ended {
            seq: job.seq,
            outcome,
            at: now,
            chance: 0.0,
        });
        (job.id, job.attempt, said)
    }

    /// Adds to a record what the machine does not know of: that it runs, and for each child
    /// the position of its call, so that a second child of it shows.
    pub fn complete(&mut self, progress: &mut Progress) {
        if let Some(running) = self.first.take() {
            progress.states.insert(0, running);
        }
        let Progress {
            entries, children, ..
        } = progress;
        for child in children {
            let made = entries.iter().find(|entry| {
                matches!(&entry.answer, model::Answer::Run { run } if run.id == child.run.id)
            });
            let position = made.expect("a child comes with its call").seq;
            child.run.tags = vec![format!("{}/{}/{position}", self.id, self.attempt)];
        }
    }
}

fn moment(rng: &mut Rng, now: Timestamp) -> Moment<'_> {
    let logged = rng.percent(10);
    Moment {
        now,
        ids: rng,
        logged,
    }
}
