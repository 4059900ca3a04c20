//! The machine itself: what it knows, and where a question or an event goes.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::buffer::{Buffer, FLUSH_DELAY};
use super::doing::Doing;
use super::live::Tasks;
use super::step::{
    Effect, Event, FlowLimits, Found, Known, Mode, Moment, Past, Signal, Step, Stop,
};
use crate::{Asked as Looked, Divergence, Journal, Kept};
use model::{
    Answer, Ask, Call, DeploymentName, Entry, Failure, FailureKind, FlowRun, Lease, Manifest, Next,
    PoolName, Progress, QueueName, RunId, Seq, Settlement, Timestamp, WorkerId,
};

/// The execution of one flow run.
pub struct Flow {
    pub(super) run: FlowRun,
    pub(super) manifest: Arc<Manifest>,
    pub(super) mode: Mode,
    pub(super) limits: FlowLimits,
    /// When the attempt started for the first time.
    pub(super) started: Timestamp,
    /// How long it has been paused since.
    pub(super) paused: Duration,
    /// What earlier attempts have finished.
    pub(super) kept: Kept,
    pub(super) journal: Journal,
    /// What is new since the last record.
    pub(super) buffer: Buffer,
    /// Calls that settle outside, and have not.
    pub(super) outside: BTreeSet<Seq>,
    /// Handles of the runs that this flow started or watches.
    pub(super) runs: HashMap<RunId, Seq>,
    pub(super) subflows: HashMap<Seq, FlowRun>,
    /// The deployments that were looked up since the last record: a fan-out reads one once.
    pub(super) deployments: HashMap<DeploymentName, Known>,
    /// The same of queues.
    pub(super) queues: HashSet<(PoolName, QueueName)>,
    pub(super) tasks: Tasks,
    pub(super) signal: Signal,
    /// Whether the flow was told of its cancellation, and cleans up.
    pub(super) cancel_told: bool,
    /// Whether a pause has been heeded since the last event.
    pub(super) pause_heeded: bool,
    /// How many waits the flow has begun.
    pub(super) waits: u64,
    /// What the guest has asked and was not answered yet.
    pub(super) doing: Doing,
    /// What a wait without a slot is for, until that has been looked up.
    pub(super) away: Option<Vec<Seq>>,
    pub(super) effects: VecDeque<Effect>,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum No {
    Refuse(Failure),
    Stop(Stop),
}

impl From<Failure> for No {
    fn from(failure: Failure) -> Self {
        Self::Refuse(failure)
    }
}

impl From<Stop> for No {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

pub(super) type Asks = Result<Step, No>;

/// What a call is answered by what was before.
pub(super) enum Asked {
    Answered(Seq, Answer),
    /// With what an earlier attempt has made of the same call.
    New(Option<Box<Entry>>),
}

fn step(asks: Asks) -> Step {
    asks.unwrap_or_else(|no| match no {
        No::Refuse(failure) => Step::Refuse(failure),
        No::Stop(stop) => Step::Stop(stop),
    })
}

impl Flow {
    /// The execution of a run that started at `started`.
    pub fn new(
        run: FlowRun,
        started: Timestamp,
        manifest: Arc<Manifest>,
        past: Past,
        mode: Mode,
        limits: FlowLimits,
    ) -> Self {
        let lease = match mode {
            Mode::Live(lease) => lease,
            // Nothing is recorded.
            Mode::PastOnly => Lease {
                run: run.id,
                worker: WorkerId(run.id.0),
                epoch: 0,
            },
        };
        Self {
            signal: Signal::of(run.state.kind),
            run,
            manifest,
            mode,
            limits,
            started,
            paused: past.paused,
            kept: Kept::new(past.kept),
            journal: Journal::new(started, past.entries),
            buffer: Buffer::new(lease),
            outside: BTreeSet::new(),
            runs: HashMap::new(),
            subflows: HashMap::new(),
            deployments: HashMap::new(),
            queues: HashSet::new(),
            tasks: Tasks::new(past.tasks),
            cancel_told: false,
            pause_heeded: false,
            waits: 0,
            doing: Doing::Nothing,
            away: None,
            effects: VecDeque::new(),
        }
    }

    /// The guest asks. Its earlier question has been answered.
    pub fn ask(&mut self, ask: Ask, mut at: Moment) -> Step {
        self.pause_heeded = false;
        let at = &mut at;
        step(match ask {
            Ask::Task(call) => self.submit(call, at),
            Ask::RunDeployment(request) => self.run_deployment(request, at),
            Ask::WatchRuns(runs) => self.watch(runs.into_iter(), Vec::new()),
            Ask::GetRun(run) => self.read(run, at),
            Ask::GetVariable(name) => self.read_variable(name),
            Ask::MakeArtifact(new) => self.make_artifact(new, at),
            Ask::BeginSubflow {
                flow,
                parameters,
                scope,
            } => self.begin(flow, parameters, scope, at),
            Ask::EndSubflow { subflow, outcome } => self.end_subflow(subflow, outcome, at),
            Ask::StartTimer { duration_ms } => self.timer(duration_ms, at),
            Ask::RequestInput(request) => self.input(request, at),
            Ask::WithdrawInput(input) => self.withdraw(input, at),
            Ask::TakeSlots {
                limit,
                slots,
                scope,
            } => self.take_slots(limit, slots, scope, at),
            Ask::GiveSlotsBack(taken) => self.give_slots_back(taken, at),
            Ask::CancelTask(task) => self.cancel_task(task, at),
            Ask::WaitAny(handles) => self.begin_wait(true, handles, at),
            Ask::WaitAll(handles) => self.begin_wait(false, handles, at),
        })
    }

    /// What the step before has led to.
    pub fn happened(&mut self, event: Event, mut at: Moment) -> Step {
        self.pause_heeded &= matches!(event, Event::Recorded(_));
        let at = &mut at;
        step(match event {
            Event::Found(Found::Settled(settled)) => self.look_up(settled, at),
            Event::Found(Found::Permitted(calls)) => self.permitted(calls, at),
            Event::Found(Found::Before(found)) => self.looked_up(found, at),
            Event::Found(found) => self.found(found, at),
            Event::Checked(fits) => self.checked(fits, at),
            Event::Recorded(recorded) => self.recorded(recorded, at),
            Event::KeyTaken(progress) => self.key_taken(*progress, at),
            Event::Task(event) => {
                self.note(event, at.now);
                self.go_on(at)
            }
            Event::Told(signal) => {
                self.tell(signal);
                self.go_on(at)
            }
            Event::News => Ok(self.news()),
            Event::Due => self.go_on(at),
            Event::Resumed { lease, cancelling } => Ok(self.resumed(lease, cancelling, at.now)),
        })
    }

    /// What is to be set going, in order. To be asked after every step.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The run is to be paused or cancelled, which the next wait heeds.
    pub fn tell(&mut self, signal: Signal) {
        self.signal = self.signal.max(signal);
    }

    /// How many handles waits have told the guest of, each counted once.
    pub fn told_count(&self) -> usize {
        self.journal.told_count()
    }

    /// What became of a handle, if a wait has told the guest.
    pub fn told(&self, handle: Seq) -> Option<&Settlement> {
        self.journal.told(handle)
    }

    /// The time as the flow sees it.
    pub fn clock(&self) -> Timestamp {
        self.journal.clock()
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The run that a scope stands for: a subflow, or the run itself.
    pub fn run(&self, scope: Option<Seq>) -> &FlowRun {
        let subflow = scope.and_then(|scope| self.subflows.get(&scope));
        subflow.unwrap_or(&self.run)
    }

    /// The lease under which it records.
    pub fn lease(&self) -> Lease {
        self.buffer.lease()
    }

    /// What it was told so far.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    pub fn is_cancelled(&self) -> bool {
        self.signal == Signal::Cancel
    }

    /// When the attempt is to end.
    pub fn deadline(&self) -> Option<Timestamp> {
        let timeout = self.limits.timeout?;
        Some(self.started.after(timeout).after(self.paused))
    }

    /// Looks a call up in the journal, then in what earlier attempts have finished; a new one
    /// is counted against the limit.
    pub(super) fn look_back(&mut self, call: &Call) -> Result<Asked, No> {
        match self.journal.ask(call).map_err(Stop::Diverged)? {
            Looked::Answered(seq, answer) => {
                // What is replayed has been kept once, too.
                self.kept.take(seq, call);
                match answer {
                    Answer::Refused { failure } => Err(failure.into()),
                    answer => Ok(Asked::Answered(seq, answer)),
                }
            }
            Looked::New(seq) if self.mode == Mode::PastOnly => {
                if !self.run.state.kind.is_terminal() {
                    return Err(Stop::EndOfJournal.into());
                }
                let divergence = Divergence {
                    seq,
                    held: None,
                    asked: Some(call.clone()),
                };
                Err(Stop::Diverged(Box::new(divergence)).into())
            }
            Looked::New(seq) => {
                let max = self.limits.calls_max;
                if seq.0 > max {
                    let limit = format!("made too many calls; the limit on a flow run is {max}");
                    return Err(Stop::Limit(limit).into());
                }
                let max = self.limits.journal_bytes_max;
                if self.journal.bytes() > max {
                    let limit = format!(
                        "handed over and was given too much; the limit on the journal of a flow \
                         run is {max} bytes"
                    );
                    return Err(Stop::Limit(limit).into());
                }
                Ok(Asked::New(self.kept.take(seq, call).map(Box::new)))
            }
        }
    }

    /// Writes a new call and its answer.
    pub(super) fn write(&mut self, call: Call, answer: Answer, now: Timestamp) -> Seq {
        let entry = self.journal.write(call, answer, now).clone();
        let seq = entry.seq;
        self.buffer.progress.entries.push(entry);
        seq
    }

    /// Writes a call that an earlier attempt has made, with what became of it.
    pub(super) fn write_kept(&mut self, call: Call, kept: Box<Entry>, now: Timestamp) -> Seq {
        let seq = self.write(call, kept.answer, now);
        if let Some((at, settlement)) = kept.settled {
            self.journal.settle(seq, at, settlement.clone());
            if let Some(entry) = self.buffer.progress.entries.last_mut() {
                entry.settled = Some((at, settlement));
            }
        }
        seq
    }

    /// Writes a call that is refused. On replay it is refused again.
    pub(super) fn write_refused(&mut self, call: Call, failure: Failure, now: Timestamp) -> No {
        let answer = Answer::Refused {
            failure: failure.clone(),
        };
        self.write(call, answer, now);
        No::Refuse(failure)
    }

    /// Remembers that a call settles outside, unless it has.
    pub(super) fn settles_outside(&mut self, seq: Seq) {
        if self.journal.settlement(seq).is_none() {
            self.outside.insert(seq);
        }
    }

    /// Settles a call in the journal. Returns whether that is new.
    pub(super) fn settle(&mut self, seq: Seq, at: Timestamp, settlement: Settlement) -> bool {
        self.outside.remove(&seq);
        let news = self.journal.settle(seq, at, settlement);
        self.tasks.waiting.settled(seq);
        news
    }

    /// Whether there is anything to record.
    pub(super) fn is_dirty(&self, logged: bool) -> bool {
        logged || !self.buffer.progress.is_empty() || self.tasks.is_changed()
    }

    /// When what is new is to be recorded, from `now` on. None if nothing is.
    pub(super) fn record_by(&mut self, now: Timestamp, logged: bool) -> Option<Timestamp> {
        if self.buffer.record_by.is_none() && self.is_dirty(logged) {
            self.buffer.record_by = Some(now.after(FLUSH_DELAY));
        }
        self.buffer.record_by
    }

    /// Everything new, to be recorded.
    pub(super) fn take_progress(&mut self, next: Next) -> Progress {
        let lease = self.buffer.lease();
        let fresh = Buffer::new(lease);
        let mut progress = std::mem::replace(&mut self.buffer, fresh).progress;
        self.tasks.take_changed(&mut progress.task_runs);
        match next {
            Next::Wait { .. } => progress.permits.awaited = self.tasks.asking_all().collect(),
            // Whatever it has is given back with that.
            Next::End { .. } | Next::Release { .. } => progress.permits.asked.clear(),
            Next::Continue => {}
        }
        progress.next = next;
        self.deployments.clear();
        self.queues.clear();
        progress
    }

    pub(super) fn record(&mut self, next: Next) -> Step {
        Step::Record(Box::new(self.take_progress(next)))
    }
}

/// The journal holds another kind of answer than the call has: it was written by something
/// that is not this program.
pub(super) fn wrong_answer(seq: Seq) -> No {
    let message = format!("the journal's answer at {seq} is of another kind");
    Failure::new(FailureKind::Crashed, message).into()
}
