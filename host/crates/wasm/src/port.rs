//! The interface between an instance and the code that executes it.
//!
//! The executor keeps the journal and talks to the store; this module knows of neither. A
//! flow instance is given a [`FlowPort`], a task instance only its context and a log.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use model::{
    Ask, BlobRef, DeploymentName, Failure, FailureKind, FlowName, Grants, Json, LogLevel,
    NewArtifact, Reply, RunId, RunSnapshot, SecretName, Seq, Settlement, TaskName, TaskRunId,
    Timestamp, VariableName,
};

/// Why a call of a guest has no answer.
#[derive(Debug)]
pub enum CallError {
    /// The guest's mistake, or a failure that it must hear of: the guest gets it as a value.
    Failure(Failure),
    /// The execution cannot go on, for a reason that the port knows: the instance traps.
    Interrupt,
    /// The guest went over a limit, which this names: the instance traps.
    Limit(String),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

pub type CallResult<T> = Result<T, CallError>;

/// Everything that a flow instance can ask for.
pub trait FlowPort: Any + Send {
    fn ask(&mut self, ask: Ask) -> BoxFuture<'_, CallResult<Reply>>;
    /// How long others have worked for the instance since this was last asked: the time of
    /// what was done for its calls on other threads.
    fn worked(&mut self) -> Duration;
    /// How many handles waits have returned, each counted once.
    fn waited_for(&self) -> usize;
    /// What became of a handle that a wait has returned.
    fn settled(&self, handle: Seq) -> Option<Settlement>;
    /// The context of the run, or of a subflow.
    fn context(&self, scope: Option<Seq>) -> Arc<RunContext>;
}

/// Questions by the kind of their answer.
impl dyn FlowPort {
    pub(super) async fn ask_handle(&mut self, ask: Ask) -> CallResult<Seq> {
        match self.ask(ask).await? {
            Reply::Handle(seq) => Ok(seq),
            reply => Err(unfit(&reply)),
        }
    }

    pub(super) async fn ask_handles(&mut self, ask: Ask) -> CallResult<Vec<Seq>> {
        match self.ask(ask).await? {
            Reply::Handles(seqs) => Ok(seqs),
            reply => Err(unfit(&reply)),
        }
    }

    pub(super) async fn ask_start(&mut self, ask: Ask) -> CallResult<(Seq, RunSnapshot)> {
        match self.ask(ask).await? {
            Reply::Started(seq, run) => Ok((seq, run)),
            reply => Err(unfit(&reply)),
        }
    }

    pub(super) async fn ask_run(&mut self, ask: Ask) -> CallResult<RunSnapshot> {
        match self.ask(ask).await? {
            Reply::Run(run) => Ok(run),
            reply => Err(unfit(&reply)),
        }
    }

    pub(super) async fn ask_value(&mut self, ask: Ask) -> CallResult<Option<Json>> {
        match self.ask(ask).await? {
            Reply::Value(value) => Ok(value),
            reply => Err(unfit(&reply)),
        }
    }

    pub(super) async fn ask_done(&mut self, ask: Ask) -> CallResult<()> {
        match self.ask(ask).await? {
            Reply::Done => Ok(()),
            reply => Err(unfit(&reply)),
        }
    }
}

/// Everything that a task instance can ask of the worker that executes it.
pub trait TaskPort: Send + Sync + 'static {
    /// Waits until it is recorded that the attempt runs, and all that led to it. From then on
    /// others may see what it does. Never returns for an attempt that is about to be dropped.
    fn recorded(&self) -> BoxFuture<'_, ()>;
    /// A variable as it is now. None: there is none.
    fn variable(&self, name: VariableName) -> BoxFuture<'_, CallResult<Option<Json>>>;
    /// Makes an artifact, once there is room for it.
    fn artifact(&self, artifact: NewArtifact) -> BoxFuture<'_, ()>;
    /// A secret as it is now.
    fn secret(&self, name: SecretName) -> BoxFuture<'_, CallResult<SecretText>>;
    /// Begins a blob.
    fn write_blob(&self) -> BoxFuture<'_, CallResult<Box<dyn BlobWriter>>>;
    /// Opens a blob.
    fn read_blob(&self, blob: BlobRef) -> BoxFuture<'_, CallResult<Box<dyn BlobReader>>>;
}

/// Takes the bytes of a blob.
pub trait BlobWriter: Send {
    /// What it makes the host hold beside what it is handed, in bytes.
    fn buffer(&self) -> usize;
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, CallResult<()>>;
    /// Returns once the blob is durable and held by its run.
    fn finish(self: Box<Self>) -> BoxFuture<'static, CallResult<BlobRef>>;
}

/// Gives the bytes of a blob.
pub trait BlobReader: Send {
    /// What it makes the host hold beside what it hands out, in bytes.
    fn buffer(&self) -> usize;
    /// Up to so many bytes; none at the end.
    fn read(&mut self, max: usize) -> BoxFuture<'_, CallResult<Bytes>>;
}

/// A secret, which is wiped when it is dropped.
pub type SecretText = zeroize::Zeroizing<String>;

/// The port has answered another question.
fn unfit(reply: &Reply) -> CallError {
    let message = format!("a call was answered {reply:?}");
    CallError::Failure(Failure::new(FailureKind::Crashed, message))
}

/// Takes the lines that an instance logs.
pub trait LogSink: Send + Sync + 'static {
    /// `scope` is the subflow that logs. Errs when the run has logged too much.
    fn line(&self, line: GuestLine) -> Result<(), LogFull>;
    /// Waits until there is room for the next line. `None`: there is.
    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

/// A line as a guest logged it.
#[derive(Clone, Debug)]
pub struct GuestLine {
    pub level: LogLevel,
    pub target: String,
    pub message: String,
    pub scope: Option<Seq>,
}

/// Names the limit on the log that was reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("logged too much; the limit on the log of one execution is {limit}")]
pub struct LogFull {
    pub limit: String,
}

/// The time as a flow sees it. It comes from the journal, and stands still while the flow
/// computes.
pub trait FlowClock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// What a run may know of itself.
#[derive(Clone, Debug)]
pub struct RunContext {
    pub run: RunId,
    pub name: String,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    pub parent: Option<RunId>,
    pub attempt: u32,
    pub scheduled: Timestamp,
    pub parameters: Json,
    pub tags: Vec<String>,
}

/// What a task run may know of itself, beside what it may know of its flow's run.
#[derive(Clone, Debug)]
pub struct TaskContext {
    pub id: TaskRunId,
    pub name: String,
    pub task: TaskName,
    pub attempt: u32,
}

/// What every instance is given, flow or task.
pub struct Surroundings {
    /// The run that it belongs to. None: it only describes its component.
    pub run: Option<RunId>,
    pub logs: Arc<dyn LogSink>,
    /// What the instance may reach. A flow may reach nothing.
    pub grants: Grants,
    /// The seed of a flow's random numbers, and its clock. None: the real ones, for a task.
    pub replayable: Option<Replayable>,
}

/// The source of a flow's random numbers and time, which are the same on replay.
pub struct Replayable {
    pub seed: [u8; 32],
    pub clock: Arc<dyn FlowClock>,
}
