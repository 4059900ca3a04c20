//! The JSON that users get. Stable: fields are added, never renamed or removed.
//!
//! Each shape is a type of its own, made from what is stored. So a change of a stored form
//! cannot change by accident what users' programs read, and the other way round. Identities,
//! names, times, digests and JSON texts have one text form each, and are used as they are;
//! everything that has fields, and every word of a fixed set, is copied.
//!
//! Invariant: only what is [`View`] is printed or sent, and nothing stored is.

mod access;
mod artifact;
mod bulk;
mod cache;
mod component;
mod dashboard;
mod database;
mod deployment;
mod doctor;
mod event;
mod history;
mod input;
mod journal;
mod kept;
mod limit;
mod log;
mod news;
mod outcome;
mod pool;
mod pruned;
mod queue;
mod replay;
mod run;
mod schedule;
mod state;
mod task_run;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;
mod worker;

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

pub use access::{AuditView, NewTokenView, TokenView};
pub use artifact::ArtifactView;
pub use bulk::{BulkActionView, FilterView, SkippedView};
pub use cache::{CachedView, ClearedView};
pub use component::{
    CacheByView, CacheOptionsView, ComponentView, FlowOptionsView, FlowView, ManifestView,
    RetryView, SchemaView, TaskOptionsView, TaskView,
};
pub use dashboard::{AskedView, BinView, CountView, DashboardView, TalliedView, TalliesView};
pub use database::{BackedUpView, CopiedView, DatabaseView, MigratedView, RunCountsView};
pub use deployment::{
    DeployedView, DeploymentDetailsView, DeploymentView, GrantsView, LatestEndView,
};
pub use doctor::{FindingView, VerdictView};
pub use event::{
    ArtifactEventView, DeploymentEventView, EventRunView, EventType, EventView, FlowRunEventView,
    InputEventView, LogEventView, PoolEventView, TaskRunEventView, WorkerEventView,
};
pub use history::{
    AttemptView, AwaitedView, HistoryLineView, PastWorkerView, TaskAttemptView, TaskLineView,
    WaitsView,
};
pub use input::InputView;
pub use journal::{
    AnswerView, ArgumentView, CallView, EntryView, RunRequestView, SettlementView, TaskCallView,
};
pub use kept::{SecretView, VariableView};
pub use limit::{
    ConcurrencyView, DeadlockedRunView, LimitDetailsView, LimitView, PermitView, TakerView,
    TaskRunNameView,
};
pub use log::LogView;
pub use news::{NewsView, SaidView, SpeakerView, StuckView};
pub use outcome::{FailureView, OutcomeView, RunSnapshotView};
pub use pool::PoolView;
pub use pruned::PrunedView;
pub use queue::QueueView;
pub use replay::ReplayView;
pub use run::{FlowRunDetailsView, FlowRunView, TallyView};
pub use schedule::{ScheduleView, SlotView};
pub use state::StateView;
pub use task_run::TaskRunView;
pub use timeline::{
    AxisView, FoldView, GroupView, MarkView, RetryAtView, RowView, SegmentView, ShareView,
    SpanView, TickView, TimelineView,
};
pub use worker::{UsageView, WorkerUsageView, WorkerView};

/// Marks a shape that users get, or a list of such.
pub trait View: Serialize {}

impl<V: View> View for Vec<V> {}

/// What users are shown of a list.
pub fn views<T, V: View + From<T>>(list: impl IntoIterator<Item = T>) -> Vec<V> {
    list.into_iter().map(V::from).collect()
}

/// How long something took, in milliseconds, once it has ended.
fn span_ms(started: Option<Timestamp>, ended: Option<Timestamp>) -> Option<f64> {
    Some(in_ms(ended?.since(started?)))
}

/// From whole microseconds, so that it has three digits after the point.
fn in_ms(span: Duration) -> f64 {
    span.as_micros() as f64 / 1000.0
}
