//! What the machine and its driver tell each other.

use std::sync::Arc;
use std::time::Duration;

use super::check::Check;
use crate::{Divergence, Parameters};
use model::{
    Artifact, CacheKey, Deployment, DeploymentName, Entry, Failure, FlowName, Ids, Json, Lease,
    LimitName, LogLine, Outcome, PoolName, Progress, QueueName, Recorded, Reply, RunId,
    RunSnapshot, Seq, Settled, StateType, TaskName, TaskRun, TaskRunId, Timestamp, VariableName,
};

/// How far an execution may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Under this lease, and on into new calls.
    Live(Lease),
    /// No further than the journal.
    PastOnly,
}

/// What is known of a run from earlier executions.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The journal.
    pub entries: Vec<Entry>,
    /// What earlier attempts have finished.
    pub kept: Vec<Entry>,
    /// The task runs that have not ended.
    pub tasks: Vec<TaskRun>,
    /// How long this attempt has been paused, which is no time of its timeout.
    pub paused: Duration,
}

/// The limits of one execution.
#[derive(Clone, Copy, Debug)]
pub struct FlowLimits {
    /// Calls in the journal.
    pub calls_max: u64,
    /// What the journal may hold, in bytes.
    pub journal_bytes_max: usize,
    /// The arguments of a task together, in bytes.
    pub arguments_bytes_max: usize,
    /// How long the attempt may take from its start.
    pub timeout: Option<Duration>,
}

/// The time, and new identities.
pub struct Moment<'i> {
    pub now: Timestamp,
    pub ids: &'i mut (dyn Ids + Send),
    /// Whether the flow has logged anything since the last record.
    pub logged: bool,
}

/// What the driver does next.
#[derive(Debug)]
pub enum Step {
    /// Answers the guest.
    Answer(Reply),
    /// Tells the guest that its call failed.
    Refuse(Failure),
    /// Looks something up, for [`Event::Found`].
    Look(Look),
    /// Checks something that takes long, away from the threads that flows run on, for
    /// [`Event::Checked`].
    Check(Check),
    /// Records this, for [`Event::Recorded`] or [`Event::KeyTaken`].
    Record(Box<Progress>),
    /// Waits.
    Await(Await),
    /// Ends the execution.
    Stop(Stop),
}

/// What the machine wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    Deployment(DeploymentName),
    /// Whether a pool has a queue of this name.
    Queue(PoolName, QueueName),
    Run(RunId),
    /// The run of a flow that has this idempotency key.
    RunByKey(FlowName, String),
    /// Which of these calls have settled.
    Settled(Vec<Seq>),
    /// Which of these calls have the slots of limits that they have asked for.
    Permitted(Vec<Seq>),
    Variable(VariableName),
    /// What attempts of tasks need to start.
    Before(Vec<Lookup>),
}

/// What an attempt of a task needs to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    pub seq: Seq,
    /// Whether its result is cached under this key. None: it is not to be cached.
    pub result: Option<KeyOf>,
    /// Which of these limits exist.
    pub limits: Vec<LimitName>,
}

/// What a cache key is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyOf {
    pub task: TaskName,
    pub scope: String,
    pub from: KeyFrom,
}

#[derive(Clone, Debug, PartialEq)]
pub enum KeyFrom {
    Known(String),
    /// The arguments.
    Inputs(Json),
    /// The text that the component returns for this task.
    Task {
        by: TaskName,
        arguments: Json,
    },
}

/// What was looked up.
#[derive(Clone, Debug)]
pub enum Found {
    Deployment(Known),
    /// The deployment that was probably meant, if one has a name like that.
    NoDeployment(Option<DeploymentName>),
    Queue,
    /// The queue that was probably meant, if one has a name like that.
    NoQueue(Option<QueueName>),
    Run(Option<RunSnapshot>),
    KeyHolder(Option<KeyHolder>),
    Settled(Vec<Settled>),
    Permitted(Vec<Seq>),
    Variable(Option<Json>),
    Before(Vec<Looked>),
}

/// What was found of a [`Lookup`].
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub seq: Seq,
    /// The key, and the result if it is cached; or why there is no key.
    pub result: Option<Result<(CacheKey, Option<Json>), Failure>>,
    pub limits: Vec<LimitName>,
}

/// A deployment, and what its flow takes.
#[derive(Clone, Debug)]
pub struct Known {
    pub deployment: Arc<Deployment>,
    /// Errs with the reason if they cannot be checked: its schema is from an earlier version
    /// that took more.
    pub parameters: Result<Arc<Parameters>, String>,
}

/// The run that has an idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyHolder {
    pub run: RunSnapshot,
    pub parameters: Json,
    /// The run that it was started by, if it belongs to it: never a subflow, but the run around
    /// that.
    pub parent: Option<RunId>,
}

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Await {
    /// For its own tasks, or what is about to begin, with the slot kept.
    Busy {
        /// Whether news from outside matter: [`Event::News`].
        news: bool,
        /// When there is something to do in any case: [`Event::Due`].
        due: Option<Timestamp>,
    },
    /// For news from outside, with the slot kept: [`Event::News`].
    News,
    /// Until it is claimed again: [`Event::Resumed`]. All is recorded, and the slot is free.
    Parked,
    /// For nothing: the time of the flow is over, and the driver ends it.
    Deadline,
}

/// What has happened.
#[derive(Debug)]
pub enum Event {
    Found(Found),
    /// Or why it does not fit.
    Checked(Result<(), String>),
    Recorded(Recorded),
    /// The record was refused: the key of the run it was to create is taken. All of it comes
    /// back.
    KeyTaken(Box<Progress>),
    Task(TaskEvent),
    /// The run is to be paused or cancelled.
    Told(Signal),
    /// Something may have settled outside.
    News,
    /// The time of an [`Await::Busy`] has come.
    Due,
    /// It was claimed again.
    Resumed {
        lease: Lease,
        /// To be cancelled.
        cancelling: bool,
    },
}

/// What happens to a task.
#[derive(Debug)]
pub enum TaskEvent {
    /// An attempt ended.
    Ended {
        seq: Seq,
        outcome: Outcome,
        at: Timestamp,
        /// A random number in 0..1, for the jitter of a retry.
        chance: f64,
    },
    Line(LogLine),
    Artifact(Artifact),
    /// An attempt wants to do what others can see, and waits for [`Effect::LetOut`].
    CallsOut {
        seq: Seq,
        attempt: u32,
    },
}

/// What the driver sets going.
#[derive(Debug)]
pub enum Effect {
    StartTask(Box<TaskJob>),
    /// It is recorded that this attempt runs, and what led to it: it may call out.
    LetOut {
        seq: Seq,
        attempt: u32,
    },
    /// The flow has cancelled this task: an attempt of it that is executed, or about to be, ends.
    DropTask {
        seq: Seq,
    },
    /// The flow no longer waits for the attempts that are executed.
    DropTasks,
}

/// An attempt of a task. Its arguments are put together when it starts
/// ([`Flow::arguments`](super::Flow::arguments)), since many may wait.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskJob {
    pub seq: Seq,
    pub id: TaskRunId,
    /// The flow run or subflow to which its lines belong.
    pub flow_run: RunId,
    /// The subflow that called it, unless it was the flow itself.
    pub scope: Option<Seq>,
    pub task: TaskName,
    /// Of the task run.
    pub name: String,
    pub attempt: u32,
    pub timeout: Option<Duration>,
}

/// Why an execution does not go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// It asked for something else than the journal holds.
    Diverged(Box<Divergence>),
    /// The journal has no more, and there is to be no more.
    EndOfJournal,
    /// It went over a limit, which this names.
    Limit(String),
    /// The run is paused. All is recorded, and the lease is over.
    Suspended,
}

/// What an execution is told from outside, in rising order: a later one does not take an
/// earlier one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    GoOn,
    Pause,
    Cancel,
}

impl Signal {
    /// What the state of a run means for the worker that executes it.
    pub fn of(state: StateType) -> Self {
        match state {
            StateType::Cancelling => Self::Cancel,
            StateType::Paused => Self::Pause,
            _ => Self::GoOn,
        }
    }
}
