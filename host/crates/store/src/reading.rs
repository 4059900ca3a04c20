//! Listings and single values, for commands and pages that show runs.

use async_trait::async_trait;
use model::{
    AwaitedInput, CallMade, DeploymentName, Entry, FlowRun, HistoryLine, IdPrefix, LogLine,
    Relative, RunId, Seq, State, StateType, TaskRun, TaskRunId, Timestamp,
};

use crate::StoreResult;
use crate::filter::{LogFilter, LogPlace, RunFilter, TaskRunFilter};
use crate::listing::{Count, Page, PageRequest};
use crate::texts::TextsApart;

/// The items of a page that is read to go on with the next one.
const PAGE: u32 = 1000;

/// Reads runs, their states, tasks and logs.
#[async_trait]
pub trait Reading: Send + Sync + 'static {
    async fn flow_run(&self, id: RunId) -> StoreResult<Option<FlowRun>>;

    /// Those of the runs that exist, in the order of the ids.
    async fn flow_runs_by_id(&self, ids: &[RunId]) -> StoreResult<Vec<FlowRun>>;

    /// The runs that a person may mean by `text`: the one with this id; else those with this
    /// name, and those whose id begins with it. At most `count`, newest first. A whole id is
    /// found at once; for a name, all runs may be looked through.
    async fn find_runs(&self, text: &IdPrefix, count: u32) -> StoreResult<Vec<FlowRun>>;

    /// A page of the runs that the filter lets through. A run has its place in the order of
    /// creation, so a run that changes stays where it is. Errs with
    /// [`StoreError::StrangeCursor`](crate::StoreError::StrangeCursor) if the place is of another
    /// filter.
    async fn flow_runs(&self, filter: &RunFilter, page: &PageRequest)
    -> StoreResult<Page<FlowRun>>;

    /// How many runs the filter lets through, counted up to `max`. An engine that has looked
    /// long enough says that there may be more.
    async fn count_flow_runs(&self, filter: &RunFilter, max: u64) -> StoreResult<Count>;

    /// Whole runs, no subflows, that have failed or crashed since then: the last `count`, latest
    /// end first.
    async fn failed_since(&self, since: Timestamp, count: u32) -> StoreResult<Vec<FlowRun>>;

    /// How many there are, counted up to `max`.
    async fn count_failed_since(&self, since: Timestamp, max: u64) -> StoreResult<Count>;

    /// The last `count` runs of each deployment that have ended, the latest created first. The
    /// answers are in the order of the deployments.
    async fn latest_ends(
        &self,
        deployments: &[DeploymentName],
        count: u32,
    ) -> StoreResult<LatestEnds>;

    /// How many large texts of runs stand apart from their rows: equal ones count once.
    async fn texts_apart(&self) -> StoreResult<TextsApart>;

    /// The first `count` entries of a run's journal after a position, in order.
    async fn journal_part(
        &self,
        run: RunId,
        after: Option<Seq>,
        count: u32,
    ) -> StoreResult<Vec<Entry>>;

    /// How many children of a run are in each state, in the order of the states.
    async fn child_states(&self, parent: RunId) -> StoreResult<Vec<(StateType, u64)>>;

    /// All states a run has been in, with what goes with each, oldest first.
    async fn history(&self, run: RunId) -> StoreResult<Vec<HistoryLine>>;

    /// The histories of several runs, in the order of the ids. A run that does not exist has
    /// none.
    async fn histories(&self, runs: &[RunId]) -> StoreResult<Vec<(RunId, Vec<HistoryLine>)>>;

    /// The subflows within a run, and the runs that it or they started, oldest first.
    async fn relatives(&self, run: RunId) -> StoreResult<Vec<Relative>>;

    /// What is known of the calls of an attempt, in order: all of the latest one; of one that
    /// was followed by another its timers, and what it asked people for. Of a call of more than
    /// 4 KiB its arguments, parameters or schema may be left out.
    async fn calls(&self, run: RunId, attempt: u32) -> StoreResult<Vec<CallMade>>;

    /// A page of the task runs that the filter lets through.
    async fn task_runs(
        &self,
        filter: &TaskRunFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<TaskRun>>;

    /// Those of the task runs that exist, in the order of the ids.
    async fn task_runs_by_id(&self, ids: &[TaskRunId]) -> StoreResult<Vec<TaskRun>>;

    /// The task runs of a flow run that have not ended, those of the subflows within it
    /// included, oldest first.
    async fn open_task_runs(&self, flow_run: RunId) -> StoreResult<Vec<TaskRun>>;

    /// A page of the lines that the filter lets through, each with its place.
    async fn logs(
        &self,
        filter: &LogFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<(LogPlace, LogLine)>>;

    /// How many lines after this place the filter lets through, counted up to `max`.
    async fn count_logs(&self, filter: &LogFilter, after: LogPlace, max: u64)
    -> StoreResult<Count>;

    /// Inputs that any run waits for, the latest run first: at most `count`.
    async fn inputs_awaited(&self, count: u32) -> StoreResult<Vec<AwaitedInput>>;

    /// The newest `count` runs (0: all) that the filter lets through, newest first, however long
    /// that takes. For commands, which may wait.
    async fn newest_flow_runs(&self, filter: &RunFilter, count: u32) -> StoreResult<Vec<FlowRun>> {
        let mut found = Vec::new();
        let mut from = None;
        while let Some(limit) = wanted(found.len(), count) {
            let request = PageRequest {
                from,
                ..PageRequest::newest(limit)
            };
            let page = self.flow_runs(filter, &request).await?;
            found.extend(page.items);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// The newest `count` task runs (0: all) that the filter lets through, oldest first, however
    /// long that takes.
    async fn newest_task_runs(
        &self,
        filter: &TaskRunFilter,
        count: u32,
    ) -> StoreResult<Vec<TaskRun>> {
        let mut found = Vec::new();
        let mut from = None;
        while let Some(limit) = wanted(found.len(), count) {
            let request = PageRequest {
                from,
                ..PageRequest::newest(limit)
            };
            let page = self.task_runs(filter, &request).await?;
            found.extend(page.items);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }
}

/// How runs of deployments have ended lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatestEnds {
    pub of: Vec<Vec<LatestEnd>>,
    /// An engine has looked long enough: a deployment with few of them may have more.
    pub may_have_more: bool,
}

/// How a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestEnd {
    pub run: RunId,
    pub state: State,
    /// When its last attempt began.
    pub started: Option<Timestamp>,
}

/// The items of the next page. `None`: there are enough.
fn wanted(found: usize, count: u32) -> Option<u32> {
    if count == 0 {
        return Some(PAGE);
    }
    let missing = count.saturating_sub(u32::try_from(found).unwrap_or(u32::MAX));
    (missing > 0).then(|| missing.min(PAGE))
}
