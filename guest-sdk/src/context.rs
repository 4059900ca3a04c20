//! What a run may know of itself.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::{Error, ErrorKind, FlowRunId, Result, current, host::host};

/// The run that is executing: the flow run, and in a task also the task run.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[task]
/// fn charge(cents: u64) -> Result<String> {
///     let key = context().task()?.idempotency_key().to_owned();
///     // .. send `key` along, so that a repeated attempt charges nobody twice
///     Ok(key)
/// }
/// ```
pub fn context() -> RunContext {
    let run = host().context(current::scope());
    RunContext {
        flow_run_id: run.flow_run_id.into(),
        flow_run_name: run.flow_run_name,
        flow: run.flow,
        deployment: run.deployment,
        parent_flow_run_id: run.parent_flow_run_id.map(Into::into),
        attempt: run.attempt,
        scheduled_time: SystemTime::UNIX_EPOCH + Duration::from_millis(run.scheduled_time),
        parameters: serde_json::from_str(&run.parameters).unwrap_or_default(),
        tags: run.tags,
        task: run.task.map(|task| TaskContext {
            task_run_id: task.task_run_id,
            name: task.task_run_name,
            task: task.task,
            attempt: task.attempt,
        }),
    }
}

/// The answer of [`context`]. Inside a subflow it describes the subflow.
#[derive(Clone, Debug)]
pub struct RunContext {
    pub flow_run_id: FlowRunId,
    pub flow_run_name: String,
    /// The flow's name.
    pub flow: String,
    /// `flow/deployment`, where the run belongs to one.
    pub deployment: Option<String>,
    /// The run that started this one.
    pub parent_flow_run_id: Option<FlowRunId>,
    /// The flow run's attempt, from 1.
    pub attempt: u32,
    /// When the run should have started.
    pub scheduled_time: SystemTime,
    /// The flow run's parameters, by name.
    pub parameters: Value,
    pub tags: Vec<String>,
    /// The part of the task run. None in a flow.
    pub task: Option<TaskContext>,
}

/// A task run's own part of the context.
#[derive(Clone, Debug)]
pub struct TaskContext {
    pub task_run_id: String,
    /// The task run's name.
    pub name: String,
    /// The task's name.
    pub task: String,
    /// From 1.
    pub attempt: u32,
}

impl RunContext {
    /// The task run's own part; an error where no task is running.
    pub fn task(&self) -> Result<&TaskContext> {
        self.task.as_ref().ok_or_else(|| {
            Error::of_kind(ErrorKind::Refused, "no task is running here, but a flow")
        })
    }
}

impl TaskContext {
    /// The same for every attempt of this task run, and different for every other task run. A
    /// service that is given the key can recognise a repeated request.
    pub fn idempotency_key(&self) -> &str {
        &self.task_run_id
    }
}
