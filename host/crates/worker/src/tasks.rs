//! Executes an attempt of a task run, in an instance of its own. The flow that called the task
//! decides whether another attempt follows, and waits for it without holding a slot.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::mpsc::UnboundedSender;

use super::logs::{Pending, TaskLog};
use super::panics::message_of;
use super::port::{Gates, Port};
use super::shared::Shared;
use super::starting::Place;
use model::{Failure, FailureKind, Grants, Json, Outcome};
use orchestrator::flow::{TaskEvent, TaskJob};
use wasm::{Prepared, RunContext, TaskContext, TaskStart};

/// One attempt that starts.
pub(super) struct Attempt {
    pub job: Box<TaskJob>,
    pub arguments: Json,
    pub place: Place,
    /// Of the flow's run.
    pub context: Arc<RunContext>,
    pub grants: Grants,
    /// What its flow has not recorded yet of what tasks have said and made.
    pub pending: Arc<Pending>,
    /// Those of its flow.
    pub gates: Arc<Gates>,
}

/// Executes one attempt of a task run. Every event is sent before it returns; it can be
/// dropped at any point.
pub(super) async fn execute(
    attempt: Attempt,
    shared: Arc<Shared>,
    prepared: Arc<Prepared>,
    events: UnboundedSender<TaskEvent>,
) {
    let Attempt {
        job,
        arguments,
        place,
        context,
        grants,
        pending,
        gates,
    } = attempt;
    let TaskJob {
        seq,
        id,
        flow_run,
        task,
        name,
        attempt,
        timeout,
        ..
    } = *job;
    let clock = shared.store.clock();
    let limits = shared.runtime.limits();
    let logs = TaskLog::new(
        flow_run,
        id,
        limits,
        events.clone(),
        Arc::clone(&pending),
        clock,
    );
    let port = Port {
        run: flow_run,
        seq,
        attempt,
        flow_run,
        task_run: id,
        pending,
        gates,
        events: events.clone(),
        shared: Arc::clone(&shared),
    };
    let start = TaskStart {
        context,
        task: Arc::new(TaskContext {
            id,
            name,
            task,
            attempt,
        }),
        arguments,
        logs: Arc::new(logs),
        port: Arc::new(port),
        grants,
        timeout,
    };
    let outcome = caught(shared.runtime.run_task(&prepared, start)).await;
    // Free before the flow hears of it, and starts the next one.
    drop(place);
    let ended = TaskEvent::Ended {
        seq,
        outcome,
        at: clock.now(),
        chance: rand::random(),
    };
    // A receiver that is gone means that this future is about to be dropped.
    let _ = events.send(ended);
}

/// A panic of the host ends the attempt as crashed. Without this no event would follow, and
/// the flow would wait for ever.
pub(super) async fn caught(attempt: impl Future<Output = Outcome>) -> Outcome {
    let attempted = AssertUnwindSafe(attempt).catch_unwind().await;
    attempted.unwrap_or_else(|panic| {
        let why = message_of(&*panic);
        let message = format!("orch-host panicked while it executed the attempt: {why}");
        Err(Failure::new(FailureKind::Crashed, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attempt: impl Future<Output = Outcome>, expect: Outcome) {
        assert_eq!(caught(attempt).now_or_never(), Some(expect));
    }

    #[test]
    fn a_panic_of_the_host_is_a_crashed_attempt() {
        let crashed = |why: &str| {
            let message = format!("orch-host panicked while it executed the attempt: {why}");
            Err(Failure::new(FailureKind::Crashed, message))
        };
        check(async { Ok(Json::null()) }, Ok(Json::null()));
        check(async { panic!("no such page") }, crashed("no such page"));
        check(async { panic!("page {}", 7) }, crashed("page 7"));
    }
}
