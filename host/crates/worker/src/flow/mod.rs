//! The execution of one flow run: what its instance asks for, and what comes of it.
//!
//! The journal decides what a call is answered; this part carries out what is new, buffers
//! it in a [`Progress`], and records that whenever the flow waits for something outside, or
//! has been busy for [`FLUSH_DELAY`].

mod calls;
mod inputs;
mod retries;
mod task_runs;
mod waiting;

pub(super) use calls::context_of;

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;

use super::logs::FlowLog;
use super::shared::Shared;
use super::signals::Signal;
use super::tasks::TaskEvent;
use model::{
    Answer, Call, Deployment, DeploymentName, Entry, Failure, FailureKind, FlowRun, Lease, Outcome,
    RunId, RunName, Seq, State, TaskRun, TaskRunId, Timestamp,
};
use orchestrator::{Dependencies, Divergence, Journal, Kept, Retries};
use store::{Claimed, Next, Progress, Recorded, Store, StoreError};
use wasm::{CallError, CallResult, FlowClock, LogSink, Prepared, RunContext};

/// How long something new may stay in memory while the flow waits for its own tasks.
/// Others see it after this time; nothing is lost if they never do.
const FLUSH_DELAY: Duration = Duration::from_millis(20);
/// Entries that are recorded at once, so that a flow that starts very much keeps little in
/// memory.
const ENTRIES_MAX: usize = 500;

/// Why a flow's execution cannot go on.
#[derive(Clone, Debug)]
pub(super) enum Interruption {
    /// It waits, and its time in memory is over. All is recorded.
    Suspended,
    /// Somebody else has claimed the run.
    Stale,
    Store(StoreError),
    /// The run fails.
    Failed(Failure),
}

/// The execution of one flow run.
pub(super) struct FlowExecution {
    shared: Arc<Shared>,
    prepared: Arc<Prepared>,
    run: FlowRun,
    /// What its tasks may know of it; made for the first of them.
    context: OnceLock<Arc<RunContext>>,
    /// When the attempt started for the first time.
    started: Timestamp,
    first: FirstRecord,
    /// When the attempt is to end.
    deadline: Option<Timestamp>,
    /// What earlier attempts have finished.
    kept: Kept,
    journal: Journal,
    clock: Arc<JournalClock>,
    log: Arc<FlowLog>,
    /// What is new since the last record.
    progress: Progress,
    /// None while the flow waits and others may use the slot.
    slot: Option<OwnedSemaphorePermit>,
    /// Calls that settle outside, and have not.
    outside: BTreeSet<Seq>,
    /// Handles of the runs this flow started or watches.
    runs: HashMap<RunId, Seq>,
    subflows: HashMap<Seq, FlowRun>,
    /// Those that were looked up since the last record.
    deployments: HashMap<DeploymentName, Arc<Deployment>>,
    tasks: Tasks,
    news: watch::Receiver<()>,
    /// Whether the run is to be paused or cancelled.
    signal: watch::Receiver<Signal>,
    /// Whether the flow has been told of its cancellation, and cleans up.
    cancel_told: bool,
    /// When what is new is recorded at the latest; set while there is anything.
    flush_at: Option<Pin<Box<Sleep>>>,
    /// How many waits the flow has begun.
    waits: u64,
    interruption: Option<Interruption>,
}

impl Drop for FlowExecution {
    fn drop(&mut self) {
        self.shared.signals.leave(self.run.id);
    }
}

/// That the run is being executed. It is recorded with whatever comes first; for a flow that
/// computes for long before anything does, by somebody else.
#[derive(Clone)]
pub(super) struct FirstRecord(Arc<Mutex<Option<State>>>);

impl FirstRecord {
    /// Records it after [`FLUSH_DELAY`], unless that has been done by then. The lock is held
    /// meanwhile, so that nothing of the run is recorded before it.
    pub async fn record_late(self, store: &dyn Store, lease: Lease) {
        tokio::time::sleep(FLUSH_DELAY).await;
        let mut first = self.0.lock().await;
        let Some(running) = first.take() else {
            return;
        };
        let mut progress = Progress::new(lease);
        progress.states.push(running);
        if let Err(err) = store.record(progress).await {
            // Whoever records next finds out, too.
            tracing::debug!(run = %lease.run, %err, "the start of a run could not be recorded");
        }
    }

    fn is_recorded(&self) -> bool {
        self.0.try_lock().is_ok_and(|first| first.is_none())
    }
}

/// The task runs of an execution.
struct Tasks {
    /// Those that have not ended.
    live: HashMap<Seq, TaskRun>,
    /// Changed since the last record.
    changed: BTreeSet<Seq>,
    ended: Vec<TaskRun>,
    waiting: Dependencies,
    /// Those that await their next attempt.
    retries: Retries,
    /// Whether an attempt has failed since the last record.
    failed: bool,
    /// What is recorded of tasks that have not ended, until the flow calls them again.
    recorded: HashMap<TaskRunId, TaskRun>,
    /// Numbers the runs of a task in this flow.
    numbers: HashMap<String, u32>,
    executing: JoinSet<()>,
    tell: mpsc::UnboundedSender<TaskEvent>,
    events: mpsc::UnboundedReceiver<TaskEvent>,
}

impl Tasks {
    fn new() -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        Self {
            live: HashMap::new(),
            changed: BTreeSet::new(),
            ended: Vec::new(),
            waiting: Dependencies::default(),
            retries: Retries::default(),
            failed: false,
            recorded: HashMap::new(),
            numbers: HashMap::new(),
            executing: JoinSet::new(),
            tell,
            events,
        }
    }

    /// Whether any task is on its way by itself, without anything outside.
    fn any_executing(&self) -> bool {
        self.live.len() > self.waiting.len() + self.retries.len()
    }
}

impl FlowExecution {
    pub fn new(
        shared: Arc<Shared>,
        claimed: Claimed,
        prepared: Arc<Prepared>,
        entries: Vec<Entry>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let Claimed {
            run, lease, logged, ..
        } = claimed;
        // One reading for both: where the flow's clock begins is what is recorded as its
        // start, from which a replay begins.
        let now = shared.now();
        let started = run.started.unwrap_or(now);
        let progress = Progress::new(lease);
        let running = State::running(run.attempt, now.max(started));
        let first = FirstRecord(Arc::new(Mutex::new(Some(running))));
        let log = FlowLog::new(
            run.id,
            logged,
            shared.runtime.limits(),
            shared.store.clock(),
        );
        let signal = Signal::of(run.state.kind);
        Self {
            signal: shared.signals.enter(run.id, signal),
            cancel_told: false,
            flush_at: None,
            waits: 0,
            news: shared.news.clone(),
            journal: Journal::new(started, entries),
            clock: Arc::new(JournalClock(AtomicI64::new(started.0))),
            log: Arc::new(log),
            shared,
            prepared,
            run,
            context: OnceLock::new(),
            started,
            first,
            deadline: None,
            kept: Kept::default(),
            progress,
            slot: Some(slot),
            outside: BTreeSet::new(),
            runs: HashMap::new(),
            subflows: HashMap::new(),
            deployments: HashMap::new(),
            tasks: Tasks::new(),
            interruption: None,
        }
    }

    pub fn log(&self) -> Arc<dyn LogSink> {
        Arc::clone(&self.log) as _
    }

    pub fn clock(&self) -> Arc<dyn FlowClock> {
        Arc::clone(&self.clock) as _
    }

    /// Reuses what earlier attempts have finished.
    pub fn reuse(&mut self, kept: Vec<Entry>) {
        self.kept = Kept::new(kept);
    }

    /// Goes on with what is recorded of the tasks that have not ended.
    pub fn resume_tasks(&mut self, recorded: Vec<TaskRun>) {
        let recorded = recorded.into_iter().map(|run| (run.id, run));
        self.tasks.recorded = recorded.collect();
    }

    /// What is to be recorded at the latest after a while.
    pub fn first_record(&self) -> FirstRecord {
        self.first.clone()
    }

    /// Limits the attempt to this time from its start.
    pub fn set_deadline(&mut self, timeout: Option<Duration>) {
        self.deadline = timeout.map(|timeout| self.started.after(timeout));
    }

    /// What is left until the deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.since(self.shared.now()))
    }

    /// Whether the run is to be paused or cancelled.
    pub fn signals(&self) -> watch::Receiver<Signal> {
        self.signal.clone()
    }

    pub fn is_cancelled(&self) -> bool {
        *self.signal.borrow() == Signal::Cancel
    }

    /// Why the execution was interrupted.
    pub fn interruption(&mut self) -> Interruption {
        self.interruption.take().unwrap_or_else(|| {
            let message = "the execution was interrupted without a reason";
            Interruption::Failed(Failure::new(FailureKind::Crashed, message))
        })
    }

    /// The right to the run, its name, and which attempt this is.
    pub fn whose(&self) -> (Lease, RunName, u32) {
        let lease = self.progress.lease;
        (lease, self.run.name.clone(), self.run.attempt)
    }

    /// The outcome of the attempt, once the tasks have ended of a flow that returned. They
    /// may change it: no decision about the run comes before this. Nothing, if the run is
    /// left before that.
    pub async fn finish(&mut self, outcome: Outcome) -> Result<Option<Outcome>, StoreError> {
        let mut outcome = outcome;
        if outcome.is_ok() && self.finish_tasks().await.is_err() {
            match self.interruption() {
                Interruption::Store(err) => return Err(err),
                Interruption::Suspended | Interruption::Stale => return Ok(None),
                Interruption::Failed(failure) => outcome = Err(failure),
            }
        }
        if self.is_cancelled() {
            outcome = Err(Failure::cancelled());
        }
        Ok(Some(outcome))
    }

    /// Records the end of the run.
    pub async fn end(mut self, outcome: Outcome) -> Result<(), StoreError> {
        // What a failed flow has not waited for, nobody will; nor what waits for something
        // that does not end with the flow.
        self.abandon_tasks(&abandoned());
        let at = self.shared.now();
        self.progress.states.push(State::ended(&outcome, at));
        let progress = self.take_progress(Next::End { outcome }).await;
        self.shared.store.record(progress).await?;
        Ok(())
    }

    /// Gives the run up for now; the next attempt begins after `delay`.
    pub async fn try_again(mut self, failure: &Failure, delay: Duration) -> Result<(), StoreError> {
        self.abandon_tasks(&abandoned());
        self.abandon_recorded(&abandoned());
        let now = self.shared.now();
        let after = humantime::format_duration(delay);
        let state =
            State::awaiting_retry(now).because(format!("{failure} (tried again after {after})"));
        self.progress.states.push(state);
        let next = Next::Release {
            at: now.after(delay),
            next_attempt: true,
        };
        let progress = self.take_progress(next).await;
        self.shared.store.record(progress).await?;
        Ok(())
    }

    /// Looks a call up in the journal; a new one is counted against the limit.
    fn ask(&mut self, call: &Call) -> CallResult<Asked> {
        let asked = self.journal.ask(call).map_err(|err| self.diverged(err))?;
        Ok(match asked {
            orchestrator::Asked::Answered(seq, answer) => {
                // What is replayed has been kept once, too.
                self.kept.take(seq, call);
                self.tick();
                Asked::Answered(seq, answer)
            }
            orchestrator::Asked::New(seq) => {
                let max = self.shared.runtime.limits().calls_max;
                if seq.0 > max {
                    let limit = format!("made too many calls; the limit on a flow run is {max}");
                    return Err(CallError::Limit(limit));
                }
                Asked::New(self.kept.take(seq, call))
            }
        })
    }

    /// Writes a new call and its answer.
    fn write(&mut self, call: Call, answer: Answer) -> Seq {
        let entry = self.journal.write(call, answer, self.shared.now()).clone();
        let seq = entry.seq;
        self.progress.entries.push(entry);
        self.tick();
        seq
    }

    /// Writes a call that an earlier attempt has made, with what became of it.
    fn write_kept(&mut self, call: Call, kept: Entry) -> Seq {
        let seq = self.write(call, kept.answer);
        if let Some((at, settlement)) = kept.settled {
            self.journal.settle(seq, at, settlement.clone());
            if let Some(entry) = self.progress.entries.last_mut() {
                entry.settled = Some((at, settlement));
            }
        }
        seq
    }

    /// Sets the flow's clock to the journal's.
    fn tick(&self) {
        self.clock
            .0
            .store(self.journal.clock().0, Ordering::Relaxed);
    }

    /// The run that a scope stands for.
    fn scope_run(&self, scope: Option<Seq>) -> RunId {
        let subflow = scope.and_then(|scope| self.subflows.get(&scope));
        subflow.map_or(self.run.id, |run| run.id)
    }

    /// Everything new, to be recorded.
    async fn take_progress(&mut self, next: Next) -> Progress {
        let lease = self.progress.lease;
        let mut progress = std::mem::replace(&mut self.progress, Progress::new(lease));
        if let Some(running) = self.first.0.lock().await.take() {
            progress.states.insert(0, running);
        }
        let lines = self.log.take();
        progress.logged += lines.len() as u64;
        progress.logs.extend(lines);
        progress.logs.sort_by_key(|line| line.at);
        progress.task_runs.append(&mut self.tasks.ended);
        self.tasks.failed = false;
        let changed = std::mem::take(&mut self.tasks.changed);
        let live = changed.iter().filter_map(|seq| self.tasks.live.get(seq));
        progress.task_runs.extend(live.cloned());
        progress.next = next;
        self.flush_at = None;
        self.deployments.clear();
        progress
    }

    /// Whether there is anything to record.
    fn is_dirty(&self) -> bool {
        !(self.progress.is_empty()
            && self.first.is_recorded()
            && self.tasks.changed.is_empty()
            && self.tasks.ended.is_empty()
            && self.log.is_empty())
    }

    /// Records everything new.
    async fn flush(&mut self) -> CallResult<()> {
        self.flush_at = None;
        if self.is_dirty() {
            self.record(Next::Continue).await?;
        }
        Ok(())
    }

    async fn record(&mut self, next: Next) -> CallResult<Recorded> {
        let progress = self.take_progress(next).await;
        match self.shared.store.record(progress).await {
            Ok(Recorded::Paused) => Err(self.interrupt(Interruption::Suspended)),
            Ok(recorded) => {
                if recorded == Recorded::Cancelling {
                    self.shared.signals.tell(self.run.id, Signal::Cancel);
                }
                Ok(recorded)
            }
            Err(StoreError::Stale { .. }) => Err(self.interrupt(Interruption::Stale)),
            Err(err) => Err(self.interrupt(Interruption::Store(err))),
        }
    }

    /// A read that failed interrupts the execution.
    fn read<T>(&mut self, read: Result<T, StoreError>) -> CallResult<T> {
        read.map_err(|err| self.interrupt(Interruption::Store(err)))
    }

    fn interrupt(&mut self, why: Interruption) -> CallError {
        self.interruption.get_or_insert(why);
        CallError::Interrupt
    }

    fn diverged(&mut self, divergence: Box<Divergence>) -> CallError {
        let failure = Failure::new(FailureKind::Permanent, divergence.to_string());
        self.interrupt(Interruption::Failed(failure))
    }
}

/// What becomes of a task that nobody waits for any more.
fn abandoned() -> Failure {
    let message = "the flow ended without waiting for it";
    Failure::new(FailureKind::Cancelled, message)
}

/// What the journal answers, for those who write what is new.
enum Asked {
    Answered(Seq, Answer),
    /// With what an earlier attempt has made of the same call.
    New(Option<Entry>),
}

/// The journal's clock, readable from the instance.
pub(super) struct JournalClock(pub(super) AtomicI64);

impl FlowClock for JournalClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}
