//! Executes an attempt of a task run, in an instance of its own. Whether another follows is
//! up to the flow that called it, which waits for that without holding anything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::logs::TaskLog;
use model::{
    Failure, Grants, Json, LogLine, Outcome, RetryPolicy, RunId, Seq, TaskRunId, Timestamp,
};
use orchestrator::{Decision, after_attempt};
use store::Clock;
use wasm::{Prepared, RunContext, Runtime, TaskContext, TaskStart};

/// What happens to a task run, told to the flow that called it.
#[derive(Debug)]
pub(super) enum TaskEvent {
    /// An attempt failed, and another follows.
    AwaitsRetry {
        seq: Seq,
        failure: Failure,
        delay: Duration,
        at: Timestamp,
    },
    Ended {
        seq: Seq,
        outcome: Outcome,
        at: Timestamp,
    },
    Line(LogLine),
}

/// An attempt of a task run that may start.
pub(super) struct TaskJob {
    pub seq: Seq,
    pub id: TaskRunId,
    /// The flow run or subflow to which its lines belong.
    pub flow_run: RunId,
    pub context: Arc<RunContext>,
    pub task: TaskContext,
    pub arguments: Json,
    pub grants: Grants,
    pub retry: RetryPolicy,
    pub timeout: Option<Duration>,
}

/// Executes one attempt of a task run. Every event is sent before it returns; it can be
/// dropped at any point.
pub(super) async fn execute(
    job: TaskJob,
    runtime: Arc<Runtime>,
    prepared: Arc<Prepared>,
    events: UnboundedSender<TaskEvent>,
    clock: Arc<dyn Clock>,
) {
    let (seq, attempt) = (job.seq, job.task.attempt);
    let logs = TaskLog::new(
        job.flow_run,
        job.id,
        runtime.limits(),
        events.clone(),
        &clock,
    );
    let start = TaskStart {
        context: job.context,
        task: job.task,
        arguments: job.arguments,
        logs: Arc::new(logs),
        grants: job.grants,
        timeout: job.timeout,
    };
    let outcome = runtime.run_task(&prepared, start).await;
    let at = clock.now();
    // A receiver that is gone means that this future is about to be dropped.
    let _ = events.send(
        match after_attempt(&job.retry, attempt, &outcome, rand::random()) {
            Decision::End => TaskEvent::Ended { seq, outcome, at },
            Decision::RetryAfter(delay) => TaskEvent::AwaitsRetry {
                seq,
                failure: outcome.expect_err("only a failure is tried again"),
                delay,
                at,
            },
        },
    );
}
