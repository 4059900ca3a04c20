//! Why a verb of the store failed.

use std::path::PathBuf;

use model::{
    BlobDigest, DeploymentName, Digest, Lease, LimitName, PoolName, QueueName, RunId, ScheduleId,
    ScheduleName, SecretName, StateType, TokenName, UploadId, VariableName, WorkerId,
};
use orchestrator::OtherRequest;
use orchestrator::lifecycle::Refusal;

pub type StoreResult<T> = Result<T, StoreError>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    // The request does not fit what is stored.
    /// Another claim has raised the epoch: the run belongs to another worker.
    #[error("flow run {run} is no longer leased under epoch {epoch}")]
    Stale { run: RunId, epoch: u64 },
    #[error("{0} does not exist")]
    NotFound(Missing),
    #[error("work pool `{0}` exists already")]
    PoolExists(PoolName),
    #[error("limit `{0}` exists already")]
    LimitExists(LimitName),
    #[error("work pool `{pool}` has a queue `{name}` already")]
    QueueExists { pool: PoolName, name: QueueName },
    #[error("work pool `{0}` has {max} queues, as many as it may", max = crate::QUEUES_MAX)]
    TooManyQueues(PoolName),
    #[error("work queue `{name}` of `{pool}` is still used by {}", users(.deployments, .runs))]
    QueueInUse {
        pool: PoolName,
        name: QueueName,
        deployments: u64,
        runs: u64,
    },
    #[error("deployment `{deployment}` has a schedule `{name}` already")]
    ScheduleExists {
        deployment: DeploymentName,
        name: ScheduleName,
    },
    #[error("token `{0}` exists already")]
    TokenExists(TokenName),
    #[error(
        "work pool `{pool}` is still used by {}", users(.deployments, .runs)
    )]
    PoolInUse {
        pool: PoolName,
        deployments: u64,
        runs: u64,
    },
    #[error("flow run {run} is over: it is {}", .state.name())]
    Over { run: RunId, state: StateType },
    #[error("flow run {run} is not paused: it is {}", .state.name())]
    NotPaused { run: RunId, state: StateType },
    #[error("flow run {run} is paused already")]
    Paused { run: RunId },
    #[error("flow run {run} is being cancelled")]
    Cancelling { run: RunId },
    /// The run never asked for this input, has got it already, or is over.
    #[error("flow run {run} does not wait for this input, or not any more")]
    InputNotAwaited { run: RunId },
    #[error("flow run {run} is not over: it is {}", .state.name())]
    NotOver { run: RunId, state: StateType },
    #[error("flow run {run} is a subflow within flow run {within}")]
    Subflow { run: RunId, within: RunId },
    /// A run with this flow and key was created meanwhile.
    #[error("the idempotency key `{key}` is taken by flow run {run}")]
    KeyTaken { key: String, run: RunId },
    /// A run with this flow and key is there, and was asked for otherwise.
    #[error("the idempotency key `{key}` is that of flow run {run}, and {other}")]
    OtherRequest {
        key: String,
        run: RunId,
        other: OtherRequest,
    },
    /// The place is one of another listing, or of another filter.
    #[error("this cursor belongs to another listing or to another filter")]
    StrangeCursor,
    /// The record breaks a rule that the caller should have kept. Nothing was written.
    #[error("refused to record: {0}")]
    Refused(String),

    // The database itself is at fault.
    #[error(
        "the database `{path}` was written by a newer version (its schema is {found}, this program knows {known})"
    )]
    NewerVersion {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    /// Only who may change its tables brings it to this version.
    #[error(
        "the database `{path}` is of an earlier version (its schema is {found}, this program knows {known})"
    )]
    OlderVersion {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    /// It is the target of a copy that has not come to its end.
    #[error("the database `{path}` is half a copy of `{from}`")]
    HalfCopied { path: PathBuf, from: String },
    #[error("`{path}` is not a database of this program, or it is damaged: {reason}")]
    NotADatabase { path: PathBuf, reason: String },
    #[error("the database `{path}` cannot be written: {reason}")]
    ReadOnly { path: PathBuf, reason: String },
    #[error("the database `{path}` cannot be opened: {reason}")]
    CannotOpen { path: PathBuf, reason: String },
    /// The disk is full, an I/O error occurred, or another program holds a lock. A later
    /// try may succeed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// It was deleted or moved while it was in use, here or by a worker.
    #[error("`{path}`, which is in use, was deleted or moved")]
    FileGone { path: PathBuf },
    /// It was replaced or cut short while it was in use.
    #[error("`{path}`, which is in use, was replaced by another file or cut short")]
    FileReplaced { path: PathBuf },
    /// A row that this program cannot have written.
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the database may work again, by itself or after somebody has mended it: it tells
    /// nothing of what was asked.
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::FileGone { .. } | Self::FileReplaced { .. }
        )
    }

    /// The lease does not hold any more.
    pub fn stale(lease: Lease) -> Self {
        let Lease { run, epoch, .. } = lease;
        Self::Stale { run, epoch }
    }
}

/// A decision about a run's life refuses with facts; their text is the error's.
impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Stale { run, epoch } => Self::Stale { run, epoch },
            Refusal::Over { run, state } => Self::Over { run, state },
            Refusal::NotOver { run, state } => Self::NotOver { run, state },
            Refusal::NotPaused { run, state } => Self::NotPaused { run, state },
            Refusal::Paused { run } => Self::Paused { run },
            Refusal::Cancelling { run } => Self::Cancelling { run },
            Refusal::Subflow { run, within } => Self::Subflow { run, within },
            Refusal::OtherRequest { key, run, other } => Self::OtherRequest { key, run, other },
            Refusal::Broken(broken) => Self::Refused(broken.to_string()),
        }
    }
}

/// `1 deployment and 3 unfinished runs`; of what there is none, nothing is said.
fn users(deployments: &u64, runs: &u64) -> String {
    let counted = |count: &u64, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    };
    let users = [
        counted(deployments, "deployment"),
        counted(runs, "unfinished run"),
    ];
    let users: Vec<String> = users.into_iter().flatten().collect();
    users.join(" and ")
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("flow run {0}")]
    Run(RunId),
    #[error("deployment `{0}`")]
    Deployment(DeploymentName),
    #[error("schedule {0}")]
    Schedule(ScheduleId),
    #[error("work pool `{0}`")]
    Pool(PoolName),
    #[error("limit `{0}`")]
    Limit(LimitName),
    #[error("queue `{name}` of work pool `{pool}`")]
    Queue { pool: PoolName, name: QueueName },
    #[error("component {0}")]
    Component(Digest),
    #[error("worker {0}")]
    Worker(WorkerId),
    #[error("token `{0}`")]
    Token(TokenName),
    #[error("variable `{0}`")]
    Variable(VariableName),
    #[error("secret `{0}`")]
    Secret(SecretName),
    #[error("blob `{0}`")]
    Blob(BlobDigest),
    #[error("upload {0}")]
    Upload(UploadId),
}
