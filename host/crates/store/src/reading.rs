//! Listings and single values, for commands and pages that show runs.

use async_trait::async_trait;
use model::{
    CallMade, DeploymentName, FlowName, FlowRun, HistoryLine, IdPrefix, LogLevel, LogLine,
    PoolName, RunId, StateType, TaskRun,
};

use crate::StoreResult;

/// Reads runs, their states, tasks and logs.
#[async_trait]
pub trait Reading: Send + Sync + 'static {
    async fn flow_run(&self, id: RunId) -> StoreResult<Option<FlowRun>>;

    /// The runs that a person may mean by `text`: those with this name, and those whose id
    /// is or begins with it. At most `count`, newest first.
    async fn find_runs(&self, text: &IdPrefix, count: u32) -> StoreResult<Vec<FlowRun>>;

    /// The runs that the filter lets through, newest first.
    async fn flow_runs(&self, filter: RunFilter) -> StoreResult<Vec<FlowRun>>;

    /// How many children of a run are in each state, in the order of the states.
    async fn child_states(&self, parent: RunId) -> StoreResult<Vec<(StateType, u64)>>;

    /// All states a run has been in, with what goes with each, oldest first.
    async fn history(&self, run: RunId) -> StoreResult<Vec<HistoryLine>>;

    /// What is known of the calls of an attempt, in order: all of the latest one; of one that
    /// was followed by another its timers, and what it asked people for.
    async fn calls(&self, run: RunId, attempt: u32) -> StoreResult<Vec<CallMade>>;

    /// The task runs that the filter lets through, oldest first.
    async fn task_runs(&self, filter: TaskRunFilter) -> StoreResult<Vec<TaskRun>>;

    /// Lines after the cursor, oldest first.
    async fn logs(&self, filter: LogFilter) -> StoreResult<Vec<(LogCursor, LogLine)>>;
}

/// Which flow runs to list. An empty field does not restrict the list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub states: Vec<StateType>,
    pub flow: Option<FlowName>,
    pub deployment: Option<DeploymentName>,
    pub pool: Option<PoolName>,
    pub parent: Option<RunId>,
    pub tag: Option<String>,
    /// List at most so many; 0 means all.
    pub count: u32,
}

/// Which task runs to list.
#[derive(Clone, Debug, Default)]
pub struct TaskRunFilter {
    /// Only task runs that this run, or any subflow within it, has called.
    pub flow_run: Option<RunId>,
    pub states: Vec<StateType>,
    /// List only so many of the newest; 0 means all.
    pub count: u32,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor(pub i64);

/// Which lines to read.
#[derive(Clone, Debug)]
pub struct LogFilter {
    /// Lines of these runs, and of the subflows within them.
    pub runs: Vec<RunId>,
    pub after: LogCursor,
    pub level_min: LogLevel,
    /// Read at most so many; 0 means all.
    pub count: u32,
}
