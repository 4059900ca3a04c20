//! Takes the lines that guests log, up to the limits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc};

use super::first_record::FirstRecord;
use super::shared::Shared;
use model::{Artifact, ArtifactKind, Lease, LogLine, LogSource, RunId, Seq, TaskRunId, Timestamp};
use orchestrator::flow::{Signal, TaskEvent};
use store::{Claimed, Clock, Progress, Recorded};
use wasm::{GuestLine, Limits, LogFull, LogSink};

/// Counts what one execution logs, up to the limits.
#[derive(Debug)]
struct Budget {
    lines: u64,
    bytes: usize,
}

impl Budget {
    fn new(limits: &Limits) -> Self {
        Self {
            lines: limits.log_lines_max,
            bytes: limits.log_bytes_max,
        }
    }

    fn spend(&mut self, line: &GuestLine, limits: &Limits) -> Result<(), LogFull> {
        let full = |limit| Err(LogFull { limit });
        match self.lines.checked_sub(1) {
            Some(lines) => self.lines = lines,
            None => return full(format!("{} lines", limits.log_lines_max)),
        }
        match self
            .bytes
            .checked_sub(line.message.len() + line.target.len())
        {
            Some(bytes) => self.bytes = bytes,
            None => {
                let max = indicatif::BinaryBytes(limits.log_bytes_max as u64);
                return full(max.to_string());
            }
        }
        Ok(())
    }
}

/// The log of a flow's own code. A flow that is replayed says again what it said before;
/// that many lines are dropped.
///
/// Lines go out with the next record of the run. A flow that says much between two calls has
/// its lines recorded on their own, and waits for that.
pub(super) struct FlowLog {
    lease: Lease,
    shared: Arc<Shared>,
    first: FirstRecord,
    state: Arc<Mutex<FlowLogState>>,
}

struct FlowLogState {
    budget: Budget,
    /// How many lines are in the log already: a replay repeats them.
    said_before: u64,
    lines: Vec<LogLine>,
    /// What the lines take, in bytes.
    bytes: usize,
    /// Whether they wait for the next record of the run in any case.
    stay: bool,
    subflows: HashMap<Seq, RunId>,
}

impl FlowLog {
    pub fn new(claimed: &Claimed, shared: &Arc<Shared>, first: FirstRecord) -> Self {
        Self {
            lease: claimed.lease,
            shared: Arc::clone(shared),
            first,
            state: Arc::new(Mutex::new(FlowLogState {
                budget: Budget::new(shared.runtime.limits()),
                said_before: claimed.logged,
                lines: Vec::new(),
                bytes: 0,
                stay: false,
                subflows: HashMap::new(),
            })),
        }
    }

    /// From now on, lines of this scope belong to this run.
    pub fn add_subflow(&self, scope: Seq, run: RunId) {
        lock(&self.state).subflows.insert(scope, run);
    }

    /// Adds what was said since the last time to a record.
    pub fn add_to(&self, progress: &mut Progress) {
        lock(&self.state).add_to(progress);
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.state).lines.is_empty()
    }
}

fn lock(state: &Mutex<FlowLogState>) -> MutexGuard<'_, FlowLogState> {
    state.lock().expect("no panic while a line is added")
}

impl FlowLogState {
    fn add_to(&mut self, progress: &mut Progress) {
        let lines = std::mem::take(&mut self.lines);
        (self.bytes, self.stay) = (0, false);
        progress.logged += lines.len() as u64;
        progress.logs.extend(lines);
    }
}

impl LogSink for FlowLog {
    fn line(&self, line: GuestLine) -> Result<(), LogFull> {
        let mut state = lock(&self.state);
        state.budget.spend(&line, self.shared.runtime.limits())?;
        if state.said_before > 0 {
            state.said_before -= 1;
            return Ok(());
        }
        let run = line.scope.and_then(|scope| state.subflows.get(&scope));
        let run = run.copied().unwrap_or(self.lease.run);
        let line = log_line(run, LogSource::Flow, self.shared.now(), line);
        state.bytes += bytes_of(&line);
        // The subflow may not be recorded yet.
        state.stay |= run != self.lease.run;
        state.lines.push(line);
        Ok(())
    }

    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        let state = lock(&self.state);
        (state.bytes >= PENDING_MAX && !state.stay).then(|| {
            let (state, first) = (Arc::clone(&self.state), self.first.clone());
            record(Arc::clone(&self.shared), self.lease, first, state).boxed()
        })
    }
}

/// Records the lines of a flow that has not made a call since.
async fn record(
    shared: Arc<Shared>,
    lease: Lease,
    first: FirstRecord,
    state: Arc<Mutex<FlowLogState>>,
) {
    let mut progress = Progress::new(lease);
    first.add_to(&mut progress).await;
    lock(&state).add_to(&mut progress);
    match shared.store.record(progress).await {
        Ok(Recorded::Cancelling) => shared.signals.tell(lease.run, Signal::Cancel),
        Ok(_) => {}
        Err(err) => {
            // The next record of the run fails for the same reason.
            tracing::debug!(run = %lease.run, %err, "lines of a flow could not be recorded");
            lock(&state).stay = true;
        }
    }
}

/// What a flow's tasks have said and made that is not recorded yet, in bytes. A task that has more
/// waits.
#[derive(Default)]
pub(super) struct Pending {
    bytes: AtomicUsize,
    recorded: Notify,
}

/// What the lines of one flow, or what all its tasks together have said and made, may have before
/// it is recorded, in bytes.
const PENDING_MAX: usize = 1 << 20;

impl Pending {
    fn add(&self, line: &LogLine) {
        self.bytes.fetch_add(bytes_of(line), Ordering::Relaxed);
    }

    /// A progress is not counted: later values take the place of earlier ones, so there is no
    /// telling how many are recorded.
    pub fn add_artifact(&self, artifact: &Artifact) {
        if counts(artifact) {
            self.bytes.fetch_add(artifact.bytes(), Ordering::Relaxed);
        }
    }

    /// The bytes of what tasks have said and made.
    pub fn of_tasks(progress: &Progress) -> usize {
        let lines = progress.logs.iter();
        let of_tasks = lines.filter(|line| matches!(line.source, LogSource::Task(_)));
        let made = progress.artifacts.iter();
        let by_tasks = made.filter(|it| it.task_run.is_some() && counts(it));
        of_tasks.map(bytes_of).sum::<usize>() + by_tasks.map(Artifact::bytes).sum::<usize>()
    }

    /// So many bytes are recorded.
    pub fn recorded(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.recorded.notify_waiters();
        }
    }

    fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= PENDING_MAX
    }

    pub async fn room(self: Arc<Self>) {
        loop {
            let recorded = self.recorded.notified();
            let mut recorded = std::pin::pin!(recorded);
            // It counts from here on, not from the first poll.
            recorded.as_mut().enable();
            if !self.is_full() {
                return;
            }
            recorded.await;
        }
    }
}

fn counts(artifact: &Artifact) -> bool {
    artifact.kind != ArtifactKind::Progress
}

/// What a line takes in memory, in bytes.
fn bytes_of(line: &LogLine) -> usize {
    size_of::<LogLine>() + line.message.len() + line.target.len()
}

/// The log of one attempt of a task, on its way to the flow that called it.
pub(super) struct TaskLog {
    run: RunId,
    task: TaskRunId,
    limits: Limits,
    budget: Mutex<Budget>,
    events: mpsc::UnboundedSender<TaskEvent>,
    pending: Arc<Pending>,
    clock: Arc<dyn Clock>,
}

impl TaskLog {
    pub fn new(
        run: RunId,
        task: TaskRunId,
        limits: &Limits,
        events: mpsc::UnboundedSender<TaskEvent>,
        pending: Arc<Pending>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            run,
            task,
            limits: limits.clone(),
            budget: Mutex::new(Budget::new(limits)),
            events,
            pending,
            clock: Arc::clone(clock),
        }
    }
}

impl LogSink for TaskLog {
    fn line(&self, line: GuestLine) -> Result<(), LogFull> {
        let mut budget = self.budget.lock().expect("no panic while counting");
        budget.spend(&line, &self.limits)?;
        let line = log_line(self.run, LogSource::Task(self.task), self.clock.now(), line);
        self.pending.add(&line);
        // The receiver is gone only with the flow itself; then the line is not needed.
        let _ = self.events.send(TaskEvent::Line(line));
        Ok(())
    }

    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        let full = self.pending.is_full();
        full.then(|| Arc::clone(&self.pending).room().boxed())
    }
}

fn log_line(run: RunId, source: LogSource, at: Timestamp, line: GuestLine) -> LogLine {
    LogLine {
        run,
        source,
        at,
        level: line.level,
        target: line.target,
        message: line.message,
    }
}
