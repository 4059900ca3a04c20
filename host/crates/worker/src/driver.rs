//! Drives the flow machine of one execution: hands it what the instance asks, does what it
//! wants done, and waits.
//!
//! ```text
//! instance --ask--> Flow --Step--> Answer, Refuse --> instance
//!                    ^             Look, Record ----> store
//!                    |             Await -----------> tasks, news, the slot, the clock
//!                    +--happened-------+
//! ```
//!
//! It decides nothing: what a step means stands in [`orchestrator::flow`].

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, pending, ready};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Sleep;

use super::around::{JournalClock, context_of};
use super::caching;
use super::first_record::FirstRecord;
use super::logs::{FlowLog, Pending};
use super::port::Gates;
use super::shared::Shared;
use super::signals::at_least;
use super::starting::Starting;
use super::tasks::{self, Attempt};
use model::{
    Ask, Failure, FailureKind, Lease, Outcome, Reply, RunId, RunName, Seq, Settlement, State,
    Timestamp,
};
use operations::FreshIds;
use operations::resolve::{self, ResolveRefusal};
use orchestrator::flow::{
    Await, Check, Effect, Event, Flow, FlowLimits, Found, Known, Look, Mode, Moment, Past, Signal,
    Step, Stop, TaskEvent,
};
use store::{Claimed, Progress, Recorded, StoreError, key_holder};
use wasm::{CallError, CallResult, FlowClock, FlowPort, Held, LogSink, Prepared, RunContext};

/// How much a journal may grow before it is counted again, in bytes. As much is reserved for
/// it from the start.
pub(super) const JOURNAL_STEP: usize = 64 << 10;

/// Attempts that are held before those are let go that have ended.
const ATTEMPTS_HELD: usize = 1024;

/// Handles whose settlement is looked up in one read.
const LOOKUP_MAX: usize = 1000;

/// Why a flow's execution cannot go on.
#[derive(Clone, Debug)]
pub(super) enum Interruption {
    /// The flow waits, and its time in memory is over. Everything is recorded.
    Suspended,
    /// Another worker has claimed the run.
    Stale,
    Store(StoreError),
    /// The run fails.
    Failed(Failure),
}

/// The execution of one flow run.
pub(super) struct Driver {
    shared: Arc<Shared>,
    prepared: Arc<Prepared>,
    /// The memory of its journal.
    held: Held,
    run: RunId,
    flow: Flow,
    /// What a task can ask about its run. Made when the first task starts.
    context: OnceLock<Arc<RunContext>>,
    first: FirstRecord,
    clock: Arc<JournalClock>,
    log: Arc<FlowLog>,
    /// None while the flow waits and others may use the slot.
    slot: Option<OwnedSemaphorePermit>,
    /// Attempts of tasks that wait for a place.
    starting: Starting,
    executing: JoinSet<()>,
    /// Attempts that are executed by their calls, and some that have been.
    attempts: HashMap<Seq, AbortHandle>,
    /// What tasks have said and made that is not recorded yet.
    pending: Arc<Pending>,
    /// Tasks that wait until they may call out.
    gates: Arc<Gates>,
    sender: mpsc::UnboundedSender<TaskEvent>,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    news: watch::Receiver<()>,
    /// Whether the run is to be paused or cancelled.
    signal: watch::Receiver<Signal>,
    /// The timer of the wait, set to this time. The next wait reuses it: most waits end
    /// early and have the same time.
    timer: Option<(Timestamp, Pin<Box<Sleep>>)>,
    /// How long others have worked for the instance, which it is not charged for yet.
    worked: Duration,
    interruption: Option<Interruption>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.signals.leave(self.run);
    }
}

impl FlowPort for Driver {
    fn ask(&mut self, ask: Ask) -> BoxFuture<'_, CallResult<Reply>> {
        if matches!(ask, Ask::WaitAny(_) | Ask::WaitAll(_)) {
            self.note_events();
            self.flow.tell(*self.signal.borrow());
        }
        let begins = matches!(ask, Ask::BeginSubflow { .. });
        let step = self.with_moment(|flow, at| flow.ask(ask, at));
        let step = match step {
            Step::Answer(reply) if !self.holds_more() => {
                self.perform();
                self.answered(begins, &reply);
                return ready(Ok(reply)).boxed();
            }
            step => step,
        };
        async move {
            let reply = self.drive(step).await?;
            self.charge().await?;
            self.answered(begins, &reply);
            Ok(reply)
        }
        .boxed()
    }

    fn worked(&mut self) -> Duration {
        std::mem::take(&mut self.worked)
    }

    fn waited_for(&self) -> usize {
        self.flow.told_count()
    }

    fn settled(&self, handle: Seq) -> Option<Settlement> {
        self.flow.told(handle).cloned()
    }

    fn context(&self, scope: Option<Seq>) -> Arc<RunContext> {
        let run = self.flow.run(scope);
        if run.id == self.run {
            let context = || Arc::new(context_of(run));
            return Arc::clone(self.context.get_or_init(context));
        }
        Arc::new(context_of(run))
    }
}

impl Driver {
    pub fn new(
        shared: Arc<Shared>,
        claimed: Claimed,
        prepared: Arc<Prepared>,
        past: Past,
        timeout: Option<Duration>,
        slot: OwnedSemaphorePermit,
        held: Held,
    ) -> Self {
        // One reading for both: where the flow's clock begins is what is recorded as its
        // start, from which a replay begins.
        let now = shared.now();
        let started = claimed.run.started.unwrap_or(now);
        let running = State::running(claimed.run.attempt, now.max(started));
        let first = FirstRecord::new(running);
        let log = FlowLog::new(&claimed, &shared, first.clone());
        let Claimed { run, lease, .. } = claimed;
        let limits = shared.runtime.limits();
        let limits = FlowLimits {
            calls_max: limits.calls_max,
            journal_bytes_max: limits.journal_max,
            arguments_bytes_max: limits.payload_max,
            timeout,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let manifest = Arc::clone(&prepared.manifest);
        Self {
            signal: shared.signals.enter(run.id, Signal::of(run.state.kind)),
            news: shared.news.clone(),
            run: run.id,
            flow: Flow::new(run, started, manifest, past, Mode::Live(lease), limits),
            context: OnceLock::new(),
            first,
            clock: Arc::new(JournalClock::new(started)),
            log: Arc::new(log),
            shared,
            prepared,
            held,
            slot: Some(slot),
            starting: Starting::new(limits.arguments_bytes_max),
            executing: JoinSet::new(),
            attempts: HashMap::new(),
            pending: Arc::default(),
            gates: Arc::default(),
            sender,
            events,
            timer: None,
            worked: Duration::ZERO,
            interruption: None,
        }
    }

    pub fn log(&self) -> Arc<dyn LogSink> {
        Arc::clone(&self.log) as _
    }

    pub fn clock(&self) -> Arc<dyn FlowClock> {
        Arc::clone(&self.clock) as _
    }

    /// When the buffered entries must be recorded at the latest.
    pub fn first_record(&self) -> FirstRecord {
        self.first.clone()
    }

    /// The time left until the deadline.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.flow.deadline()?;
        Some(deadline.since(self.shared.now()))
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
        let run = self.flow.run(None);
        (self.flow.lease(), run.name.clone(), run.attempt)
    }

    /// The outcome of the attempt: what the flow has returned, unless its cancellation came first.
    pub fn finish(&mut self, outcome: Outcome) -> Outcome {
        self.note_events();
        if self.is_cancelled() {
            Err(Failure::cancelled())
        } else {
            outcome
        }
    }

    /// Records the end of the run.
    pub async fn end(mut self, outcome: Outcome) -> Result<(), StoreError> {
        self.drop_tasks();
        let mut progress = self.flow.end(outcome, self.shared.now());
        self.complete(&mut progress).await;
        self.shared.store.record(progress).await?;
        Ok(())
    }

    /// Gives the run up for now; the next attempt begins after `delay`.
    pub async fn try_again(mut self, failure: &Failure, delay: Duration) -> Result<(), StoreError> {
        self.drop_tasks();
        let now = self.shared.now();
        let mut progress = self.flow.try_again(failure, delay, now);
        self.complete(&mut progress).await;
        self.shared.store.record(progress).await?;
        Ok(())
    }

    fn with_moment(&mut self, turn: impl FnOnce(&mut Flow, Moment) -> Step) -> Step {
        let at = Moment {
            now: self.shared.now(),
            ids: &mut FreshIds,
            logged: !self.log.is_empty(),
        };
        turn(&mut self.flow, at)
    }

    /// Time passes for the instance, and the lines of a new subflow belong to it.
    fn answered(&mut self, begins: bool, reply: &Reply) {
        if let (true, Reply::Started(scope, run)) = (begins, reply) {
            self.log.add_subflow(*scope, run.id);
        }
        self.clock.set(self.flow.clock());
    }

    /// Carries out the steps of the machine until the instance can go on.
    async fn drive(&mut self, mut step: Step) -> CallResult<Reply> {
        loop {
            self.perform();
            let event = match step {
                Step::Answer(reply) => return Ok(reply),
                Step::Refuse(failure) => {
                    self.clock.set(self.flow.clock());
                    return Err(CallError::Failure(failure));
                }
                Step::Look(look) => Event::Found(self.look(look).await?),
                Step::Check(check) => Event::Checked(self.check(check).await?),
                Step::Record(progress) => self.record(*progress).await?,
                Step::Await(what) => self.wait(what).await?,
                Step::Stop(stop) => return Err(self.stop(stop)),
            };
            self.flow.tell(*self.signal.borrow());
            step = self.with_moment(|flow, at| flow.happened(event, at));
        }
    }

    /// Whether the journal has grown by so much that it has to be counted.
    fn holds_more(&self) -> bool {
        self.flow.journal().bytes() > self.held.used() + JOURNAL_STEP
    }

    /// Counts what the journal holds among what all guests have. Waits if there is no room.
    async fn charge(&mut self) -> CallResult<()> {
        if !self.holds_more() {
            return Ok(());
        }
        let more = self.flow.journal().bytes() - self.held.used();
        match self.held.grow(more).await {
            Ok(()) => Ok(()),
            Err(nothing_free) => {
                let failure = Failure::new(FailureKind::Limit, nothing_free.to_string());
                Err(self.interrupt(Interruption::Failed(failure)))
            }
        }
    }

    fn perform(&mut self) {
        while let Some(effect) = self.flow.next_effect() {
            match effect {
                Effect::DropTasks => {
                    self.starting.clear();
                    self.executing.abort_all();
                }
                Effect::DropTask { seq } => {
                    self.starting.remove(seq);
                    if let Some(attempt) = self.attempts.remove(&seq) {
                        attempt.abort();
                    }
                }
                Effect::StartTask(job) => self.starting.add(job),
                Effect::LetOut { seq, attempt } => self.gates.let_out(seq, attempt),
            }
        }
        while let Some((job, arguments, place)) =
            self.starting.next(|task| self.flow.arguments(task))
        {
            let seq = job.seq;
            let attempt = Attempt {
                context: self.context(job.scope),
                grants: self.flow.run(None).grants.clone(),
                pending: Arc::clone(&self.pending),
                gates: Arc::clone(&self.gates),
                job,
                arguments,
                place,
            };
            let (shared, prepared) = (Arc::clone(&self.shared), Arc::clone(&self.prepared));
            let attempt = tasks::execute(attempt, shared, prepared, self.sender.clone());
            // In a box, since a spawned future is moved a few times.
            let attempt = self.executing.spawn(Box::pin(attempt));
            if self.attempts.len() >= ATTEMPTS_HELD {
                self.attempts.retain(|_, attempt| !attempt.is_finished());
            }
            self.attempts.insert(seq, attempt);
        }
    }

    /// Ends what its tasks do, and takes note of all that they have done.
    fn drop_tasks(&mut self) {
        self.executing.abort_all();
        self.note_events();
    }

    /// Takes note of everything that has happened to its tasks until now.
    fn note_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.flow.note(event, self.shared.now());
        }
    }

    async fn look(&mut self, look: Look) -> CallResult<Found> {
        let shared = Arc::clone(&self.shared);
        let store = &shared.store;
        let found = match look {
            Look::Deployment(name) => match store.deployment(&name).await {
                Ok(Some(deployment)) => shared
                    .parameters_of(deployment.component, &name.flow)
                    .await
                    .map(|parameters| {
                        Found::Deployment(Known {
                            deployment: Arc::new(deployment),
                            parameters,
                        })
                    }),
                Ok(None) => resolve::nearest_deployment(&**store, &name)
                    .await
                    .map(Found::NoDeployment),
                Err(err) => Err(err),
            },
            Look::Queue(pool, name) => match resolve::queue(&**store, &pool, &name).await {
                Ok(_) => Ok(Found::Queue),
                Err(ResolveRefusal::NoQueue { nearest, .. }) => Ok(Found::NoQueue(nearest)),
                Err(ResolveRefusal::Store(err)) => Err(err),
                // The pool was deleted meanwhile.
                Err(_) => Ok(Found::NoQueue(None)),
            },
            Look::Run(run) => {
                let found = store.flow_run(run).await;
                found.map(|run| Found::Run(run.map(|run| run.snapshot())))
            }
            Look::RunByKey(flow, key) => {
                let found = key_holder(store.as_ref(), &flow, &key).await;
                found.map(Found::KeyHolder)
            }
            Look::Variable(name) => {
                let found = store.variable(&name).await;
                found.map(|it| Found::Variable(it.map(|it| it.value)))
            }
            Look::Permitted(calls) => {
                let found = store.permitted(self.run, &calls).await;
                found.map(Found::Permitted)
            }
            Look::Before(lookups) => {
                let (prepared, context) = (Arc::clone(&self.prepared), self.context(None));
                let found = caching::look(&shared, &prepared, &context, lookups).await;
                found.map(Found::Before)
            }
            Look::Settled(calls) => {
                let mut settled = Vec::new();
                for calls in calls.chunks(LOOKUP_MAX) {
                    let found = store.settled(self.run, calls).await;
                    settled.extend(self.read(found)?);
                }
                Ok(Found::Settled(settled))
            }
        };
        self.read(found)
    }

    /// Checks something on a thread where nobody waits for it.
    async fn check(&mut self, check: Check) -> CallResult<Result<(), String>> {
        let checked = self.shared.heavy.run(move || {
            let begin = Instant::now();
            let fits = check.make();
            (fits, begin.elapsed())
        });
        match checked.await {
            Ok((fits, took)) => {
                self.worked += took;
                Ok(fits)
            }
            Err(panicked) => {
                let failure = Failure::new(FailureKind::Crashed, panicked.to_string());
                Err(self.interrupt(Interruption::Failed(failure)))
            }
        }
    }

    async fn record(&mut self, mut progress: Progress) -> CallResult<Event> {
        self.complete(&mut progress).await;
        let last = progress.children.last();
        let keyed = last.is_some_and(|child| child.idempotency_key.is_some());
        let again = keyed.then(|| Box::new(progress.clone()));
        let logged = Pending::of_tasks(&progress);
        match (self.shared.store.record(progress).await, again) {
            (Ok(recorded), _) => {
                self.pending.recorded(logged);
                if recorded == Recorded::Cancelling {
                    self.shared.signals.tell(self.run, Signal::Cancel);
                }
                Ok(Event::Recorded(recorded))
            }
            (Err(StoreError::KeyTaken { .. }), Some(again)) => Ok(Event::KeyTaken(again)),
            (Err(StoreError::Stale { .. }), _) => Err(self.interrupt(Interruption::Stale)),
            (Err(err), _) => Err(self.interrupt(Interruption::Store(err))),
        }
    }

    /// Adds what the machine does not know: log lines and the `Running` state.
    async fn complete(&mut self, progress: &mut Progress) {
        self.first.add_to(progress).await;
        self.log.add_to(progress);
        progress.logs.sort_by_key(|line| line.at);
    }

    async fn wait(&mut self, what: Await) -> CallResult<Event> {
        match what {
            Await::Busy { news, due } => Ok(self.await_tasks(news, due).await),
            Await::News => {
                let _ = self.news.changed().await;
                Ok(Event::News)
            }
            Await::Parked => self.park().await,
            // The execution is about to be stopped; another wait would end at once.
            Await::Deadline => pending().await,
        }
    }

    /// Waits until something happens, and keeps the slot.
    async fn await_tasks(&mut self, news: bool, due: Option<Timestamp>) -> Event {
        if let Some(due) = due
            && self.timer.as_ref().is_none_or(|(at, _)| *at != due)
        {
            let sleep = tokio::time::sleep(due.since(self.shared.now()));
            self.timer = Some((due, Box::pin(sleep)));
        }
        let timer = self.timer.as_mut().filter(|_| due.is_some());
        let signal = match self.flow.signal() {
            Signal::GoOn => Some(Signal::Pause),
            Signal::Pause => Some(Signal::Cancel),
            Signal::Cancel => None,
        };
        let event = tokio::select! {
            biased;
            () = at_least(&mut self.signal, signal.unwrap_or(Signal::Cancel)), if signal.is_some() => None,
            () = elapsed(timer) => {
                self.timer = None;
                return Event::Due;
            }
            event = self.events.recv() => event,
            Ok(()) = self.news.changed(), if news => return Event::News,
        };
        let Some(mut event) = event else {
            return Event::Told(*self.signal.borrow());
        };
        // All that has happened by now is one event.
        while let Ok(next) = self.events.try_recv() {
            self.flow.note(event, self.shared.now());
            event = next;
        }
        Event::Task(event)
    }

    /// Waits in memory without a slot, for as long as that is allowed.
    async fn park(&mut self) -> CallResult<Event> {
        let shared = Arc::clone(&self.shared);
        let mut resumed = shared.parking.park(self.flow.lease());
        drop(self.slot.take());
        let resumption = tokio::select! {
            resumption = &mut resumed => resumption,
            () = tokio::time::sleep(shared.config.park) => {
                if shared.parking.leave(self.run) {
                    return Err(self.interrupt(Interruption::Suspended));
                }
                resumed.await
            }
        };
        let Ok(resumption) = resumption else {
            return Err(self.interrupt(Interruption::Suspended));
        };
        self.slot = Some(resumption.slot);
        if resumption.cancelling {
            shared.signals.tell(self.run, Signal::Cancel);
        }
        Ok(Event::Resumed {
            lease: resumption.lease,
            cancelling: resumption.cancelling,
        })
    }

    /// A read that failed interrupts the execution.
    fn read<T>(&mut self, read: Result<T, StoreError>) -> CallResult<T> {
        read.map_err(|err| self.interrupt(Interruption::Store(err)))
    }

    fn stop(&mut self, stop: Stop) -> CallError {
        match stop {
            Stop::Limit(limit) => CallError::Limit(limit),
            Stop::Suspended => self.interrupt(Interruption::Suspended),
            Stop::Diverged(divergence) => {
                let failure = Failure::new(FailureKind::Permanent, divergence.to_string());
                self.interrupt(Interruption::Failed(failure))
            }
            Stop::EndOfJournal => unreachable!("this execution goes on after its journal"),
        }
    }

    fn interrupt(&mut self, why: Interruption) -> CallError {
        self.interruption.get_or_insert(why);
        CallError::Interrupt
    }
}

async fn elapsed(timer: Option<&mut (Timestamp, Pin<Box<Sleep>>)>) {
    match timer {
        Some((_, sleep)) => sleep.await,
        None => pending().await,
    }
}
