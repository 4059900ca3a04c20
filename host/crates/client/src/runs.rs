//! Flow runs and what belongs to them.

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use model::{Json, TaskRunId};
use operations::client::{
    Answered, InspectRun, JournalQuery, LogQuery, Page, RetryRun, RunQuery, RunsClient, StartRun,
    StartedRun, TaskRunQuery, TimelineQuery,
};
use operations::problem::{Problem, ProblemKind};
use operations::resolve::ResolveRefusal;
use operations::view::{
    EntryView, FlowRunDetailsView, FlowRunView, HistoryLineView, InputView, LogView, TaskRunView,
    TimelineView,
};
use serde::{Deserialize, Serialize};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

/// The path of a run, or of what belongs to it.
pub fn run_path(run: &str, rest: &str) -> Answered<String> {
    if run.is_empty() {
        let asked = run.to_owned();
        let nearest = None;
        return Err(ResolveRefusal::NoRun { asked, nearest }.into());
    }
    Ok(format!("/v1/flow-runs/{}{rest}", segment(run)))
}

#[derive(Serialize)]
struct StartRuns {
    runs: Vec<StartRun>,
}

#[derive(Deserialize)]
struct Started {
    is_new: bool,
    run: FlowRunView,
}

#[async_trait]
impl RunsClient for HttpClient {
    async fn list_runs(&self, query: RunQuery) -> Answered<Page<FlowRunView>> {
        self.ask(Ask::get("/v1/flow-runs").query(&query)?).await
    }

    async fn inspect_run(&self, run: &str, query: InspectRun) -> Answered<FlowRunDetailsView> {
        self.ask(Ask::get(run_path(run, "")?).query(&query)?).await
    }

    async fn start_run(&self, deployment: &str, start: StartRun) -> Answered<StartedRun> {
        let path = self.deployment_path(deployment).await? + "/runs";
        let ask = Ask::new(Method::POST, path).json(&start)?;
        let (status, run) = self.ask_status(ask).await?;
        Ok(StartedRun {
            run,
            is_new: status == StatusCode::CREATED,
        })
    }

    async fn start_runs(&self, deployment: &str, runs: Vec<StartRun>) -> Answered<Vec<StartedRun>> {
        let path = self.deployment_path(deployment).await? + "/runs/batch";
        let ask = Ask::new(Method::POST, path).json(&StartRuns { runs })?;
        let started: Vec<Started> = self.ask(ask).await?;
        let started = started.into_iter();
        let started = started.map(|Started { is_new, run }| StartedRun { run, is_new });
        Ok(started.collect())
    }

    async fn cancel_run(&self, run: &str) -> Answered<FlowRunView> {
        self.ask(Ask::new(Method::POST, run_path(run, "/cancel")?))
            .await
    }

    async fn pause_run(&self, run: &str) -> Answered<FlowRunView> {
        self.ask(Ask::new(Method::POST, run_path(run, "/pause")?))
            .await
    }

    async fn resume_run(&self, run: &str) -> Answered<FlowRunView> {
        self.ask(Ask::new(Method::POST, run_path(run, "/resume")?))
            .await
    }

    async fn retry_run(&self, run: &str, retry: RetryRun) -> Answered<FlowRunView> {
        let ask = Ask::new(Method::POST, run_path(run, "/retry")?);
        self.ask(ask.json(&retry)?).await
    }

    async fn delete_run(&self, run: &str) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, run_path(run, "")?))
            .await
    }

    async fn run_inputs(&self, run: &str) -> Answered<Vec<InputView>> {
        let page: Page<InputView> = self.ask(Ask::get(run_path(run, "/inputs")?)).await?;
        Ok(page.items)
    }

    async fn give_input(&self, run: &str, key: Option<&str>, value: Json) -> Answered<()> {
        let key = match key {
            Some(key) => key.to_owned(),
            None => self.only_key(run).await?,
        };
        let path = run_path(run, &format!("/inputs/{}", segment(&key)))?;
        self.tell(Ask::new(Method::POST, path).json(&value)?).await
    }

    async fn run_logs(&self, run: &str, query: LogQuery) -> Answered<Page<LogView>> {
        self.ask(Ask::get(run_path(run, "/logs")?).query(&query)?)
            .await
    }

    async fn run_history(&self, run: &str) -> Answered<Vec<HistoryLineView>> {
        let page: Page<HistoryLineView> = self.ask(Ask::get(run_path(run, "/history")?)).await?;
        Ok(page.items)
    }

    async fn run_timeline(&self, run: &str, query: TimelineQuery) -> Answered<TimelineView> {
        self.ask(Ask::get(run_path(run, "/timeline")?).query(&query)?)
            .await
    }

    async fn run_journal(&self, run: &str, query: JournalQuery) -> Answered<Page<EntryView>> {
        self.ask(Ask::get(run_path(run, "/journal")?).query(&query)?)
            .await
    }

    async fn list_task_runs(&self, query: TaskRunQuery) -> Answered<Page<TaskRunView>> {
        self.ask(Ask::get("/v1/task-runs").query(&query)?).await
    }

    async fn inspect_task_run(&self, id: TaskRunId) -> Answered<TaskRunView> {
        self.ask(Ask::get(format!("/v1/task-runs/{id}"))).await
    }
}

impl HttpClient {
    /// The key of the only input that a run waits for.
    async fn only_key(&self, run: &str) -> Answered<String> {
        let mut inputs = self.run_inputs(run).await?;
        match inputs.len() {
            1 => Ok(inputs.remove(0).key),
            count => Err(Problem::new(
                ProblemKind::Ambiguous,
                format!("flow run `{run}` waits for {count} inputs"),
            )
            .hint("say which, by its key")),
        }
    }
}
