//! The JSON that programs get. Stable: fields are added, never renamed or removed.

use serde::Serialize;

use model::{
    DeploymentName, Digest, Failure, FlowName, FlowRun, Json, LogLevel, LogLine, LogSource,
    PoolName, RunId, RunName, Seq, State, StateType, TaskName, TaskRun, TaskRunId, Timestamp,
};

/// A flow run.
#[derive(Debug, Serialize)]
pub struct FlowRunView {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    /// Its `type` is `SCHEDULED`, `PENDING`, `RUNNING`, `WAITING`, `PAUSED`, `CANCELLING`,
    /// `COMPLETED`, `FAILED`, `CRASHED` or `CANCELLED`. Its `name` is for people.
    pub state: State,
    pub pool: Option<PoolName>,
    pub work_queue: Option<String>,
    pub component: Digest,
    pub parameters: Json,
    pub tags: Vec<String>,
    /// The flow run that started it.
    pub parent: Option<RunId>,
    /// For a subflow: the run whose sandbox executes it.
    pub within: Option<RunId>,
    pub attempt: u32,
    pub created: Timestamp,
    pub scheduled: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// From its first start to its end.
    pub duration_ms: Option<f64>,
    /// Once it has completed.
    pub result: Option<Json>,
    /// Once it has ended otherwise.
    pub failure: Option<Failure>,
}

impl From<FlowRun> for FlowRunView {
    fn from(run: FlowRun) -> Self {
        let (result, failure) = match run.outcome {
            Some(Ok(result)) => (Some(result), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        Self {
            id: run.id,
            name: run.name,
            flow: run.flow,
            deployment: run.deployment,
            state: run.state,
            pool: run.pool,
            work_queue: run.work_queue,
            component: run.component,
            parameters: run.parameters,
            tags: run.tags,
            parent: run.parent,
            within: run.within,
            attempt: run.attempt,
            created: run.created,
            scheduled: run.scheduled,
            started: run.started,
            ended: run.ended,
            duration_ms: span_ms(run.started, run.ended),
            result,
            failure,
        }
    }
}

/// A task run.
#[derive(Debug, Serialize)]
pub struct TaskRunView {
    pub id: TaskRunId,
    pub name: String,
    pub task: TaskName,
    /// The flow run or subflow that called it.
    pub flow_run: RunId,
    /// Its position in the flow run's journal.
    pub seq: Seq,
    pub state: State,
    pub tags: Vec<String>,
    /// The latest attempt that began, from 1; 0 before the first.
    pub attempt: u32,
    /// When the next attempt is due, while one is awaited.
    pub retry_at: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub duration_ms: Option<f64>,
    /// Every state it was in, oldest first.
    pub history: Vec<State>,
}

impl From<TaskRun> for TaskRunView {
    fn from(run: TaskRun) -> Self {
        let state = run.state().clone();
        let (started, ended) = span(&run);
        Self {
            id: run.id,
            name: run.name,
            task: run.task,
            flow_run: run.flow_run,
            seq: run.seq,
            state,
            tags: run.tags,
            attempt: run.attempt,
            retry_at: run.retry_at,
            started,
            ended,
            duration_ms: span_ms(started, ended),
            history: run.history,
        }
    }
}

/// When a task run started for the first time, and ended.
pub fn span(run: &TaskRun) -> (Option<Timestamp>, Option<Timestamp>) {
    let started = run
        .history
        .iter()
        .find(|state| state.kind == StateType::Running);
    let ended = Some(run.state()).filter(|state| state.kind.is_terminal());
    (started.map(|state| state.at), ended.map(|state| state.at))
}

fn span_ms(started: Option<Timestamp>, ended: Option<Timestamp>) -> Option<f64> {
    Some(ended?.since(started?).as_secs_f64() * 1000.0)
}

/// A line of a run's log.
#[derive(Debug, Serialize)]
pub struct LogView<'a> {
    pub at: Timestamp,
    /// `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub level: LogLevel,
    pub flow_run: RunId,
    /// For a line of a task.
    pub task_run: Option<TaskRunId>,
    /// `flow`, `task` or `host`: who said it.
    pub source: &'static str,
    /// The module that logged, or `stdout` and `stderr`.
    pub target: &'a str,
    pub message: &'a str,
}

impl<'a> From<&'a LogLine> for LogView<'a> {
    fn from(line: &'a LogLine) -> Self {
        let (source, task_run) = match line.source {
            LogSource::Flow => ("flow", None),
            LogSource::Task(task) => ("task", Some(task)),
            LogSource::Host => ("host", None),
        };
        Self {
            at: line.at,
            level: line.level,
            flow_run: line.run,
            task_run,
            source,
            target: &line.target,
            message: &line.message,
        }
    }
}
