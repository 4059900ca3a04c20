//! The words of the domain: plain types, no I/O, no clock.
//!
//! Everything above this module speaks in these types. Rows, wire messages and the types
//! that are generated from the WIT are separate types, converted at the edge.

mod access;
mod artifact;
mod ask;
mod blob;
mod cache;
mod component;
mod deployment;
mod event;
mod failure;
mod grants;
mod history;
mod holds_json;
mod id;
mod input;
mod journal;
#[cfg(test)]
mod journal_form;
mod journal_size;
mod json;
mod kept;
mod limit;
mod log;
mod manifest;
mod name;
mod pool;
mod progress;
mod retry;
mod run;
mod schedule;
#[cfg(feature = "schema")]
mod schema;
mod seq;
mod state;
mod task_run;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod worker;

pub use access::{AuditEntry, Role, SecretHash, Session, Token};
pub use artifact::{Artifact, ArtifactKind, NewArtifact};
pub use ask::{Ask, Reply};
pub use blob::{BlobDigest, BlobDigestError, BlobPlace, BlobRef, StoredBlob, UploadId};
pub use cache::{CACHE_KEY_MAX, CacheBy, CacheKey, CacheOptions, CachedResult};
pub use component::Component;
pub use deployment::Deployment;
pub use event::{
    ArtifactEvent, CursorError, Edited, Event, EventCursor, FlowRunEvent, InputChange, InputEvent,
    LogEvent, MESSAGE_MAX, PlacedEvent, RunFacts, TaskRunEvent, WorkerChange, cut_message,
};
pub use failure::{Failure, FailureKind, Outcome};
pub use grants::{
    DirGrant, EnvGrant, GrantError, Grants, HostPattern, HttpGrant, HttpScheme, SecretGrant,
    TcpGrant, is_private,
};
pub use history::{
    AWAITED_MAX, Attempt, Awaited, HistoryLine, PastWorker, Waits, attempts, number_attempts,
    paused,
};
pub use holds_json::HoldsJson;
pub use id::{
    ArtifactId, Digest, DigestError, IdPrefix, Ids, InputId, RunId, ScheduleId, SessionId,
    TaskRunId, TokenId, WorkerId,
};
pub use input::{AwaitedInput, InputRequest};
pub use journal::{
    Answer, Argument, Call, CallMade, Entry, JOURNAL_FORM, RunRequest, Settlement, TaskCall,
};
pub use json::{Json, JsonError};
pub use kept::{KeyId, SealedSecret, Variable};
pub use limit::{Collision, Concurrency, Limit, Taking};
pub use log::{LogLevel, LogLine, LogSource};
pub use manifest::{
    DeclaredSchedule, FlowDescription, FlowOptions, Manifest, Schema, TaskDescription, TaskOptions,
};
pub use name::{
    ArtifactKey, DeploymentName, FlowName, LimitName, NAME_MAX, NameError, PoolName, QueueName,
    RunName, ScheduleName, SecretName, TaskName, TokenName, VariableName,
};
pub use pool::{Priority, PriorityError, WorkPool, WorkQueue};
pub use progress::{
    AskedPermit, Cancellation, Claim, Claimed, NewRun, Next, PermitChanges, Progress, Recorded,
    Settled, SubflowChange, Taker,
};
pub use retry::{LOSSES_BEFORE_ALONE, RetryPolicy};
pub use run::{FlowRun, LATE_AFTER, Relative, RunSnapshot, has_waited};
pub use schedule::{CatchUp, LastSlot, Overlap, Schedule, ScheduleOrigin, ScheduleRule, Timetable};
pub use seq::Seq;
pub use state::{State, StateName, StateType};
pub use task_run::{AttemptResult, TaskAttempt, TaskLine, TaskRun};
pub use time::{Timestamp, in_units, micros};
pub use worker::{Lease, Usage, Worker, WorkerUsage};
