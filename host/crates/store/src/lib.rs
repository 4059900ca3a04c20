//! What the host asks of storage, in the words of the domain.
//!
//! One method is one transaction. `Ok` means that the write survives a crash of the process
//! and of the machine; only a claim may be lost with the machine, until the next write. Each
//! engine is a crate of its own. All of them must pass the contract (feature `testing`).

mod access;
mod artifacts;
pub mod batching;
mod blobs;
mod bulk;
mod cache;
mod catalog;
pub mod changes;
#[cfg(feature = "testing")]
pub mod contract;
mod error;
mod events;
mod figures;
mod filter;
mod housekeeping;
mod kept;
mod limits;
mod listing;
pub mod moving;
mod pools;
mod queues;
mod reading;
mod runs;
mod schedules;
#[cfg(feature = "testing")]
pub mod simulation;
mod tallies;
pub mod texts;
mod wakes;
mod workers;

pub use access::{
    Access, AnswerKey, AuditCursor, AuditFilter, Begun, NewSession, NewToken, StoredAnswer,
};
pub use artifacts::{ArtifactPlace, Artifacts, ArtifactsOf, LISTED_MAX, StoredArtifact};
pub use blobs::{Blobs, DoomedUpload};
pub use bulk::{
    BULK_LEASE, BulkAction, BulkActions, BulkAsked, BulkClaim, BulkId, BulkKind, BulkLease,
    BulkNext, BulkProgress, BulkRecorded, BulkState, BulkTarget, EXAMPLES_MAX, Left, Skipped,
};
pub use cache::{Cache, CachePart, CachePlace, CachedEntry, look_before};
pub use catalog::{Catalog, Deployed};
pub use error::{Missing, StoreError, StoreResult};
pub use events::{EventPage, Events};
pub use figures::{Measured, WriterFigures};
pub use filter::{LogFilter, LogPlace, RunFilter, StateFilter, TaskRunFilter};
pub use housekeeping::Housekeeping;
pub use kept::Kept;
pub use limits::{LimitChange, LimitUse, Limits, Permit, TaskRunName, Unnamed};
pub use listing::{
    COUNT_MAX, Count, Cursor, CursorError, Fingerprint, Order, Page, PageRequest, Values,
};
pub use model::{
    Cancellation, Claim, Claimed, NewRun, Next, Progress, Recorded, Settled, SubflowChange,
};
pub use pools::{PoolChange, PoolUse, Pools};
pub use queues::{QUEUES_MAX, QueueChange, QueueUse, Queues};
pub use reading::{LatestEnd, LatestEnds, Reading};
pub use runs::{Offer, Runs, key_holder};
pub use schedules::{DueSchedule, ScheduleChange, ScheduleStep, Schedules};
pub use tallies::{
    BINS_MAX, ByState, OriginTally, Tallied, Tallies, TallyFilter, Tallying, Totals,
};
pub use wakes::{Clock, Listener, Topic, Wakes};
pub use workers::Workers;

/// Everything that a process opens. A function takes the one trait whose verbs it needs.
pub trait Store:
    Catalog
    + Pools
    + Queues
    + Limits
    + Cache
    + Housekeeping
    + Runs
    + Schedules
    + Workers
    + Reading
    + Totals
    + BulkActions
    + Events
    + Access
    + Kept
    + Artifacts
    + Blobs
    + Wakes
    + Measured
{
}

impl<T> Store for T where
    T: Catalog
        + Pools
        + Queues
        + Limits
        + Cache
        + Housekeeping
        + Runs
        + Schedules
        + Workers
        + Reading
        + Totals
        + BulkActions
        + Events
        + Access
        + Kept
        + Artifacts
        + Blobs
        + Wakes
        + Measured
{
}
