//! Listings and single values, for those who look at runs.

use async_trait::async_trait;
use model::{
    DeploymentName, FlowName, FlowRun, IdPrefix, LogLevel, LogLine, PoolName, RunId, State,
    StateType, TaskRun,
};

use crate::StoreResult;

/// What is known of runs.
#[async_trait]
pub trait Reading: Send + Sync + 'static {
    async fn flow_run(&self, id: RunId) -> StoreResult<Option<FlowRun>>;

    /// The runs that a person may mean by this: of this id, whose id begins so, or of this
    /// name. At most `count`, newest first.
    async fn find_runs(&self, text: &IdPrefix, count: u32) -> StoreResult<Vec<FlowRun>>;

    /// Newest first.
    async fn flow_runs(&self, filter: RunFilter) -> StoreResult<Vec<FlowRun>>;

    /// How many of a run's children are in each state, in the order of the states.
    async fn child_states(&self, parent: RunId) -> StoreResult<Vec<(StateType, u64)>>;

    /// Oldest first.
    async fn history(&self, run: RunId) -> StoreResult<Vec<State>>;

    /// Oldest first.
    async fn task_runs(&self, filter: TaskRunFilter) -> StoreResult<Vec<TaskRun>>;

    /// Lines after the cursor, oldest first.
    async fn logs(&self, filter: LogFilter) -> StoreResult<Vec<(LogCursor, LogLine)>>;
}

/// Which flow runs to list. What is empty does not restrict.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub states: Vec<StateType>,
    pub flow: Option<FlowName>,
    pub deployment: Option<DeploymentName>,
    pub pool: Option<PoolName>,
    pub parent: Option<RunId>,
    pub tag: Option<String>,
    /// At most so many; 0: all.
    pub count: u32,
}

/// Which task runs to list.
#[derive(Clone, Debug, Default)]
pub struct TaskRunFilter {
    /// Called by this run, or by any subflow within it.
    pub flow_run: Option<RunId>,
    pub states: Vec<StateType>,
    /// At most so many; 0: all. The newest ones, oldest first.
    pub count: u32,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor(pub i64);

/// Which lines to read.
#[derive(Clone, Debug)]
pub struct LogFilter {
    /// Of these runs, and of the subflows within them.
    pub runs: Vec<RunId>,
    pub after: LogCursor,
    pub level_min: LogLevel,
    /// At most so many; 0: all.
    pub count: u32,
}
