//! One execution of a flow run: from its claim to its next stop.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{info, warn};

use super::clock::now;
use super::flow::{FlowExecution, Interruption};
use super::shared::Shared;
use super::signals::{Signal, at_least};
use crate::model::{Failure, FailureKind, FlowDescription, FlowRun, Grants, Outcome, RunId, State};
use crate::orchestrator::{Decision, after_attempt};
use crate::store::{Claimed, Next, Progress, Store, StoreError};
use crate::wasm::{FlowEnd, Prepared, Replayable, Surroundings};

/// How an execution stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run is over.
    Ended,
    /// The run waits, outside memory, or belongs to somebody else.
    Left,
    /// The database failed.
    Failed(StoreError),
}

/// Executes a claimed run until it ends or leaves memory.
pub(super) async fn execute<S: Store>(
    shared: Arc<Shared<S>>,
    claimed: Claimed,
    slot: OwnedSemaphorePermit,
) -> Stop {
    let Claimed { run, lease, .. } = &claimed;
    let lease = *lease;
    let (id, name, attempt) = (run.id, run.name.clone(), run.attempt);
    let flow = run.flow.clone();
    let (prepared, description) = match prepare(&shared, run).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            // The host cannot run it; the flow never began.
            let mut progress = Progress::new(lease);
            let outcome = Err(failure);
            progress.states = vec![State::ended(&outcome, now())];
            progress.next = Next::End {
                outcome: outcome.clone(),
            };
            let recorded = shared.store.record(progress).await;
            return ended(recorded.map(|_| outcome), id, name.as_str());
        }
    };
    let entries = match claimed.journal_len {
        0 => Vec::new(),
        _ => match shared.store.journal(id).await {
            Ok(entries) => entries,
            Err(err) => return Stop::Failed(err),
        },
    };
    let kept = match run.attempt {
        1 => Vec::new(),
        _ => match shared.store.kept(id).await {
            Ok(kept) => kept,
            Err(err) => return Stop::Failed(err),
        },
    };
    info!(run = %id, name = %name, flow = %flow, attempt, replayed = entries.len(), "executing");

    let deadline = description.options.timeout_ms.map(Duration::from_millis);
    let parameters = run.parameters.clone();
    let mut port = FlowExecution::new(
        Arc::clone(&shared),
        claimed,
        Arc::clone(&prepared),
        entries,
        slot,
    );
    port.reuse(kept);
    port.set_deadline(deadline);
    let around = Surroundings {
        logs: port.log(),
        // Whatever its tasks may reach: a flow has no outside.
        grants: Grants::default(),
        replayable: Some(Replayable {
            seed: seed(id),
            clock: port.clock(),
        }),
    };
    let timeout = port.remaining();
    if timeout.is_some_and(|left| left.is_zero()) {
        // It was taken up only to end.
        let outcome = Err(timed_out(deadline.unwrap_or_default()));
        return ended(port.end(outcome).await, id, name.as_str());
    }
    let mut hear = port.signals();
    let clean_up = shared.config.clean_up;
    let stop = async {
        tokio::select! {
            () = until(timeout) => {}
            () = at_least(&mut hear, Signal::Cancel) => tokio::time::sleep(clean_up).await,
        }
    };
    let first = port.first_record();
    let executing = shared
        .runtime
        .run_flow(&prepared, &flow, &parameters, port, around, stop);
    let mut executing = std::pin::pin!(executing);
    let (end, mut port) = tokio::select! {
        biased;
        ended = &mut executing => ended,
        () = first.record_late(&*shared.store, lease) => executing.await,
    };
    let outcome = match end {
        FlowEnd::Returned(outcome) => outcome,
        FlowEnd::Stopped if port.is_cancelled() => Err(Failure::cancelled()),
        FlowEnd::Stopped => Err(timed_out(deadline.unwrap_or_default())),
        FlowEnd::Interrupted => match port.interruption() {
            Interruption::Suspended => return Stop::Left,
            Interruption::Stale => {
                warn!(run = %id, "the run belongs to somebody else now");
                return Stop::Left;
            }
            // It may pass, and then somebody goes on with the run.
            Interruption::Store(err @ StoreError::Unavailable(_)) => return Stop::Failed(err),
            Interruption::Store(err) => Err(Failure::new(FailureKind::Crashed, err.to_string())),
            Interruption::Failed(failure) => Err(failure),
        },
    };
    match after_attempt(
        &description.options.retry,
        attempt,
        &outcome,
        rand::random(),
    ) {
        Decision::RetryAfter(delay) if !port.is_cancelled() => {
            let failure = outcome.expect_err("only a failure is tried again");
            info!(run = %id, name = %name, %failure, ?delay, "tried again later");
            match port.try_again(&failure, delay).await {
                Ok(()) | Err(StoreError::Stale { .. }) => Stop::Left,
                Err(err) => Stop::Failed(err),
            }
        }
        _ => ended(port.end(outcome).await, id, name.as_str()),
    }
}

async fn until(timeout: Option<Duration>) {
    match timeout {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Says how a run ended, once that is recorded.
fn ended(recorded: Result<Outcome, StoreError>, id: RunId, name: &str) -> Stop {
    match recorded {
        Ok(Ok(_)) => {
            info!(run = %id, %name, "completed");
            Stop::Ended
        }
        Ok(Err(failure)) => {
            let (state, _) = failure.kind.state();
            warn!(run = %id, %name, %state, %failure, "ended");
            Stop::Ended
        }
        Err(StoreError::Stale { .. }) => Stop::Left,
        Err(err) => Stop::Failed(err),
    }
}

async fn prepare<S: Store>(
    shared: &Shared<S>,
    run: &FlowRun,
) -> Result<(Arc<Prepared>, FlowDescription), Failure> {
    let crashed = |message: String| Failure::new(FailureKind::Crashed, message);
    let prepared = shared.prepare(run.component).await;
    let prepared = prepared.map_err(|err| crashed(format!("cannot be executed: {err}")))?;
    let flow = prepared.manifest.flow(run.flow.as_str());
    let flow = flow.cloned().ok_or_else(|| {
        crashed(format!(
            "cannot be executed: component {} has no flow `{}`",
            run.component.short(),
            run.flow
        ))
    })?;
    Ok((prepared, flow))
}

/// Random numbers of a run depend on the run alone, so they are the same on replay.
pub(super) fn seed(run: RunId) -> [u8; 32] {
    Sha256::digest(run.0.as_bytes()).into()
}

fn timed_out(timeout: Duration) -> Failure {
    crate::wasm::timed_out("the flow run", timeout)
}
