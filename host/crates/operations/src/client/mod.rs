//! Everything that a command, a request or a page asks, as one interface.
//!
//! ```text
//! command, request, page --> Client --> LocalClient --> the store of this machine
//! ```
//!
//! Requests and answers are plain data that serde reads and writes, so that the same can be
//! asked of another machine. A refusal is a [`Problem`].

mod access;
mod artifacts;
mod blobs;
mod bulk;
mod cache;
mod catalog;
mod cursor;
mod events;
mod housekeeping;
mod kept;
mod limits;
mod local;
mod overview;
mod page;
mod requests;
mod runs;
mod schedules;
mod watch;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use model::{
    Json, LimitName, PoolName, QueueName, ScheduleId, SecretName, TaskRunId, Timestamp, TokenName,
    VariableName,
};
use store::BulkId;

use crate::problem::Problem;
use crate::view::{
    ArtifactView, AuditView, BulkActionView, CachedView, ClearedView, ComponentView, DashboardView,
    DeadlockedRunView, DeployedView, DeploymentDetailsView, DeploymentView, EntryView,
    FlowRunDetailsView, FlowRunView, HistoryLineView, InputView, LimitDetailsView, LimitView,
    LogView, NewTokenView, NewsView, PoolView, QueueView, ScheduleView, SecretView, SlotView,
    TalliesView, TaskRunView, TimelineView, TokenView, VariableView, WorkerView,
};

pub use events::{EventFilter, list_events, place_of_event};
pub use limits::DEADLOCKED_MAX;
pub use local::{Describe, LocalClient, Undescribed};
pub use page::Page;
pub use requests::{
    ArtifactQuery, AskBulk, AuditQuery, BulkQuery, BulkVerb, CacheQuery, ChangeLimit, ChangePool,
    ChangeQueue, ClearCache, ComponentQuery, CreateLimit, CreatePool, CreateQueue, CreateSchedule,
    CreateToken, DeployRequest, DeploymentQuery, EditDeployment, EventQuery, GrantsRequest,
    InspectRun, JournalQuery, LIMIT_DEFAULT, LIMIT_MAX, LimitQuery, ListOrder, LogQuery, NotAnEnd,
    PoolQuery, PruneRule, QueryRequest, QueueQuery, RetryRun, RunEventQuery, RunQuery,
    ScheduleQuery, SecretQuery, SecretText, SetSecret, SetVariable, SlotQuery, StartRun,
    TallyQuery, TaskRunQuery, TimelineQuery, TokenQuery, VariableQuery, WatchQuery, WatchWhat,
    WorkerQuery, check_ends,
};
pub use watch::LocalWatch;

pub type Answered<T> = Result<T, Problem>;

/// All of it.
pub trait Client:
    RunsClient
    + BulkClient
    + WatchClient
    + OverviewClient
    + CatalogClient
    + PoolsClient
    + LimitsClient
    + CacheClient
    + HousekeepingClient
    + SchedulesClient
    + KeptClient
    + ArtifactsClient
    + BlobsClient
    + AccessClient
{
}

impl<T> Client for T where
    T: RunsClient
        + BulkClient
        + WatchClient
        + OverviewClient
        + CatalogClient
        + PoolsClient
        + LimitsClient
        + CacheClient
        + HousekeepingClient
        + SchedulesClient
        + KeptClient
        + ArtifactsClient
        + BlobsClient
        + AccessClient
{
}

/// A run that was started, or the earlier one that had its idempotency key.
#[derive(Clone, Debug)]
pub struct StartedRun {
    pub run: FlowRunView,
    pub is_new: bool,
}

/// Flow runs and what belongs to them. A run is named by its id, the beginning of it, or its
/// name; a deployment by `flow/deployment`, or by its flow if that has only one.
#[async_trait]
pub trait RunsClient: Send + Sync + 'static {
    async fn list_runs(&self, query: RunQuery) -> Answered<Page<FlowRunView>>;

    async fn inspect_run(&self, run: &str, query: InspectRun) -> Answered<FlowRunDetailsView>;

    async fn start_run(&self, deployment: &str, start: StartRun) -> Answered<StartedRun>;

    /// Starts several, all or none.
    async fn start_runs(
        &self,
        deployment: &str,
        starts: Vec<StartRun>,
    ) -> Answered<Vec<StartedRun>>;

    /// Cancels a run and every run that it started. Gives the run as it is then: it may go on
    /// for its clean-up. One that was cancelled already is left as it is.
    async fn cancel_run(&self, run: &str) -> Answered<FlowRunView>;

    async fn pause_run(&self, run: &str) -> Answered<FlowRunView>;

    async fn resume_run(&self, run: &str) -> Answered<FlowRunView>;

    async fn retry_run(&self, run: &str, retry: RetryRun) -> Answered<FlowRunView>;

    /// Deletes a run that is over, with all that belongs to it. Runs that it started stay.
    async fn delete_run(&self, run: &str) -> Answered<()>;

    /// What the run and the subflows within it wait for a person to give.
    async fn run_inputs(&self, run: &str) -> Answered<Vec<InputView>>;

    /// Gives a run an input. Without a key, the only one.
    async fn give_input(&self, run: &str, key: Option<&str>, value: Json) -> Answered<()>;

    async fn run_logs(&self, run: &str, query: LogQuery) -> Answered<Page<LogView>>;

    /// Every state it was in, oldest first.
    async fn run_history(&self, run: &str) -> Answered<Vec<HistoryLineView>>;

    /// What it did over time.
    async fn run_timeline(&self, run: &str, query: TimelineQuery) -> Answered<TimelineView>;

    async fn run_journal(&self, run: &str, query: JournalQuery) -> Answered<Page<EntryView>>;

    async fn list_task_runs(&self, query: TaskRunQuery) -> Answered<Page<TaskRunView>>;

    async fn inspect_task_run(&self, id: TaskRunId) -> Answered<TaskRunView>;
}

/// Runs that are watched.
#[async_trait]
pub trait WatchClient: Send + Sync + 'static {
    async fn watch_run(&self, run: &str, query: WatchQuery) -> Answered<Box<dyn Watching>>;
}

/// A run that is being watched.
#[async_trait]
pub trait Watching: Send {
    /// What is new, once there is something; None after the last. Not cancel safe: what was
    /// read for a future that is gone is not told.
    async fn next(&mut self) -> Answered<Option<NewsView>>;
}

/// Actions on many runs, which go on when whoever asked for them has left.
#[async_trait]
pub trait BulkClient: Send + Sync + 'static {
    /// Has something done to many runs. `by`: the name of who asks.
    async fn ask_bulk(&self, ask: AskBulk, by: &str) -> Answered<BulkActionView>;

    /// Newest first.
    async fn list_bulk(&self, query: BulkQuery) -> Answered<Page<BulkActionView>>;

    async fn inspect_bulk(&self, id: BulkId) -> Answered<BulkActionView>;

    /// Stops one after the runs that are under way. One that has ended stays as it is.
    async fn stop_bulk(&self, id: BulkId) -> Answered<BulkActionView>;
}

/// Many runs at once.
#[async_trait]
pub trait OverviewClient: Send + Sync + 'static {
    /// The time, by the clock of all that is stored.
    fn now(&self) -> Timestamp;

    /// How things are now, and how they went in the last 24 hours.
    async fn dashboard(&self) -> Answered<DashboardView>;

    /// How many runs ended in each part of a span of time.
    async fn tally_runs(&self, query: TallyQuery) -> Answered<TalliesView>;
}

/// Components and deployments.
#[async_trait]
pub trait CatalogClient: Send + Sync + 'static {
    async fn list_components(&self, query: ComponentQuery) -> Answered<Page<ComponentView>>;

    /// The component with this digest, or whose digest begins so.
    async fn inspect_component(&self, digest: &str) -> Answered<ComponentView>;

    /// Checks a component, lets it describe itself, and keeps it. Says whether it is new.
    async fn upload_component(&self, bytes: Vec<u8>) -> Answered<(ComponentView, bool)>;

    async fn list_deployments(&self, query: DeploymentQuery) -> Answered<Page<DeploymentView>>;

    async fn inspect_deployment(&self, name: &str) -> Answered<DeploymentDetailsView>;

    /// Deploys flows of a component that was uploaded: all or none.
    async fn deploy(&self, request: DeployRequest) -> Answered<Vec<DeployedView>>;

    /// Changes a deployment. What is not set stays.
    async fn edit_deployment(&self, name: &str, edit: EditDeployment) -> Answered<DeployedView>;

    /// Deletes a deployment and leaves its runs.
    async fn delete_deployment(&self, name: &str) -> Answered<()>;
}

/// Variables and secrets.
#[async_trait]
pub trait KeptClient: Send + Sync + 'static {
    async fn list_variables(&self, query: VariableQuery) -> Answered<Page<VariableView>>;

    async fn get_variable(&self, name: &VariableName) -> Answered<VariableView>;

    /// Sets a variable, whatever it was.
    async fn set_variable(&self, name: &VariableName, value: Json) -> Answered<VariableView>;

    async fn delete_variable(&self, name: &VariableName) -> Answered<()>;

    async fn list_secrets(&self, query: SecretQuery) -> Answered<Page<SecretView>>;

    /// Sets a secret, whatever it was.
    async fn set_secret(&self, name: &SecretName, value: SecretText) -> Answered<SecretView>;

    async fn delete_secret(&self, name: &SecretName) -> Answered<()>;
}

/// What runs have made for people to look at.
#[async_trait]
pub trait ArtifactsClient: Send + Sync + 'static {
    /// Of each key the latest, by key; or those of a key or a run, newest first.
    async fn list_artifacts(&self, query: ArtifactQuery) -> Answered<Page<ArtifactView>>;

    /// The artifact with this id, or the latest with this key.
    async fn inspect_artifact(&self, artifact: &str) -> Answered<ArtifactView>;
}

/// Blobs.
#[async_trait]
pub trait BlobsClient: Send + Sync + 'static {
    /// Opens a blob by its digest, `blake3:` and 64 hexadecimal digits.
    async fn read_blob(&self, digest: &str) -> Answered<BlobBytes>;
}

/// The bytes of a blob, from its beginning. The last ones come only if all are those that were
/// written.
pub struct BlobBytes {
    /// How many there are.
    pub size: u64,
    pub parts: BoxStream<'static, Answered<Bytes>>,
}

/// Work pools and workers.
#[async_trait]
pub trait PoolsClient: Send + Sync + 'static {
    async fn list_pools(&self, query: PoolQuery) -> Answered<Page<PoolView>>;

    async fn inspect_pool(&self, name: &PoolName) -> Answered<PoolView>;

    async fn create_pool(&self, create: CreatePool) -> Answered<PoolView>;

    async fn change_pool(&self, name: &PoolName, change: ChangePool) -> Answered<PoolView>;

    async fn delete_pool(&self, name: &PoolName) -> Answered<()>;

    /// By priority and name.
    async fn list_queues(&self, pool: &PoolName, query: QueueQuery) -> Answered<Page<QueueView>>;

    async fn inspect_queue(&self, pool: &PoolName, name: &QueueName) -> Answered<QueueView>;

    async fn create_queue(&self, pool: &PoolName, create: CreateQueue) -> Answered<QueueView>;

    async fn change_queue(
        &self,
        pool: &PoolName,
        name: &QueueName,
        change: ChangeQueue,
    ) -> Answered<QueueView>;

    async fn delete_queue(&self, pool: &PoolName, name: &QueueName) -> Answered<()>;

    async fn list_workers(&self, query: WorkerQuery) -> Answered<Page<WorkerView>>;
}

/// What is deleted by itself.
#[async_trait]
pub trait HousekeepingClient: Send + Sync + 'static {
    /// None: nothing is.
    async fn prune_rule(&self) -> Answered<Option<PruneRule>>;

    /// Sets the rule, or removes it.
    async fn set_prune_rule(&self, rule: Option<PruneRule>) -> Answered<()>;
}

/// Limits across flow runs.
#[async_trait]
pub trait LimitsClient: Send + Sync + 'static {
    /// By name.
    async fn list_limits(&self, query: LimitQuery) -> Answered<Page<LimitView>>;

    /// With those who have slots of it or wait for some.
    async fn inspect_limit(&self, name: &LimitName) -> Answered<LimitDetailsView>;

    async fn create_limit(&self, create: CreateLimit) -> Answered<LimitView>;

    async fn change_limit(&self, name: &LimitName, change: ChangeLimit) -> Answered<LimitView>;

    async fn delete_limit(&self, name: &LimitName) -> Answered<()>;

    /// Flow runs that wait for each other's slots, and go on only once somebody helps: those that have
    /// slots first, at most [`DEADLOCKED_MAX`].
    async fn list_deadlocked(&self) -> Answered<Page<DeadlockedRunView>>;
}

/// Results of tasks that are kept for other runs. One is named by its id, or by the beginning of it.
#[async_trait]
pub trait CacheClient: Send + Sync + 'static {
    /// Newest first, without their values. Also those that have expired, until they are cleared.
    async fn list_cache(&self, query: CacheQuery) -> Answered<Page<CachedView>>;

    /// With its value.
    async fn inspect_cached(&self, id: &str) -> Answered<CachedView>;

    /// Clears one result. Whoever has it already keeps it.
    async fn clear_cached(&self, id: &str) -> Answered<()>;

    /// Clears many.
    async fn clear_cache(&self, which: ClearCache) -> Answered<ClearedView>;
}

/// Schedules of deployments. Slots that come while one is paused are over.
#[async_trait]
pub trait SchedulesClient: Send + Sync + 'static {
    /// By deployment and name.
    async fn list_schedules(&self, query: ScheduleQuery) -> Answered<Page<ScheduleView>>;

    async fn inspect_schedule(&self, id: ScheduleId) -> Answered<ScheduleView>;

    async fn create_schedule(
        &self,
        deployment: &str,
        create: CreateSchedule,
    ) -> Answered<ScheduleView>;

    async fn pause_schedule(&self, id: ScheduleId) -> Answered<ScheduleView>;

    async fn resume_schedule(&self, id: ScheduleId) -> Answered<ScheduleView>;

    /// Deletes a schedule and leaves its runs.
    async fn delete_schedule(&self, id: ScheduleId) -> Answered<()>;

    /// The slots that are to come.
    async fn next_slots(&self, id: ScheduleId, query: SlotQuery) -> Answered<Page<SlotView>>;
}

/// Tokens, and what their bearers did.
#[async_trait]
pub trait AccessClient: Send + Sync + 'static {
    /// Newest first.
    async fn list_tokens(&self, query: TokenQuery) -> Answered<Page<TokenView>>;

    async fn create_token(&self, create: CreateToken) -> Answered<NewTokenView>;

    async fn revoke_token(&self, name: &TokenName) -> Answered<TokenView>;

    /// Newest first.
    async fn audit_log(&self, query: AuditQuery) -> Answered<Page<AuditView>>;
}
