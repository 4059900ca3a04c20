//! Executes a task run: attempt by attempt, each in an instance of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::clock::now;
use super::logs::TaskLog;
use crate::model::{
    Failure, Grants, Json, LogLine, Outcome, RetryPolicy, RunId, Seq, TaskRunId, Timestamp,
};
use crate::orchestrator::{Decision, after_attempt};
use crate::wasm::{Prepared, RunContext, Runtime, TaskContext, TaskStart};

/// What happens to a task run, told to the flow that called it.
#[derive(Debug)]
pub(super) enum TaskEvent {
    Started {
        seq: Seq,
        attempt: u32,
        at: Timestamp,
    },
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

/// A task run that may start.
pub(super) struct TaskJob {
    pub seq: Seq,
    pub id: TaskRunId,
    /// The flow run or subflow to which its lines belong.
    pub flow_run: RunId,
    /// Of the flow; gets the task's part for each attempt.
    pub context: RunContext,
    pub task: TaskContext,
    pub arguments: Json,
    pub grants: Grants,
    pub retry: RetryPolicy,
    pub timeout: Option<Duration>,
}

/// Executes a task run to its end. Every event is sent before it returns; it can be dropped
/// at any point.
pub(super) async fn execute(
    job: TaskJob,
    runtime: Arc<Runtime>,
    prepared: Arc<Prepared>,
    events: UnboundedSender<TaskEvent>,
) {
    let seq = job.seq;
    for attempt in job.task.attempt.. {
        // A receiver that is gone means that this future is about to be dropped.
        let _ = events.send(TaskEvent::Started {
            seq,
            attempt,
            at: now(),
        });
        let logs = TaskLog::new(job.flow_run, job.id, runtime.limits(), events.clone());
        let start = TaskStart {
            context: RunContext {
                task: Some(TaskContext {
                    attempt,
                    ..job.task.clone()
                }),
                ..job.context.clone()
            },
            arguments: job.arguments.clone(),
            logs: Arc::new(logs),
            grants: job.grants.clone(),
            timeout: job.timeout,
        };
        let outcome = runtime.run_task(&prepared, start).await;
        match after_attempt(&job.retry, attempt, &outcome, rand::random()) {
            Decision::End => {
                let at = now();
                let _ = events.send(TaskEvent::Ended { seq, outcome, at });
                return;
            }
            Decision::RetryAfter(delay) => {
                let failure = outcome.expect_err("only a failure is tried again");
                let _ = events.send(TaskEvent::AwaitsRetry {
                    seq,
                    failure,
                    delay,
                    at: now(),
                });
                tokio::time::sleep(delay).await;
            }
        }
    }
}
