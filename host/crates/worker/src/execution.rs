//! One execution of a flow run: from its claim to its next stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::{info, warn};

use super::around::seed;
use super::driver::{Driver, Interruption, JOURNAL_STEP};
use super::shared::Shared;
use super::signals::at_least;
use model::{
    Call, Entry, Failure, FailureKind, FlowDescription, FlowRun, Grants, Lease, Outcome,
    RetryPolicy, RunId, RunName, State, paused,
};
use orchestrator::flow::{Past, Signal};
use orchestrator::{Decision, after_flow_attempt};
use store::{Claimed, Next, Progress, Store, StoreError};
use wasm::{FlowEnd, FlowStart, PrepareError, Prepared, Replayable, Surroundings};

/// How an execution stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run is over.
    Ended,
    /// The run waits outside memory, or another worker has it.
    Left,
    /// The database failed.
    Failed(StoreError),
}

/// Executes a claimed run until it ends or leaves memory.
pub(super) async fn execute(
    shared: Arc<Shared>,
    claimed: Claimed,
    slot: OwnedSemaphorePermit,
) -> Stop {
    let Claimed { run, lease, .. } = &claimed;
    let lease = *lease;
    let (id, name, attempt) = (run.id, run.name.clone(), run.attempt);
    let flow = run.flow.clone();
    let begin = match begin(&shared, &claimed).await {
        Ok(begin) => begin,
        // The host cannot run it; the flow never began.
        Err(trouble) => return crash(&*shared.store, lease, &name, trouble).await,
    };
    let Begin {
        prepared,
        description,
        past,
    } = begin;
    let journal = past.entries.iter().chain(&past.kept).map(Entry::bytes);
    let journal = JOURNAL_STEP + journal.sum::<usize>();
    let held = match shared.runtime.memory().reserve_for_flow(journal).await {
        Ok(held) => held,
        Err(over) => {
            let trouble = Trouble::Host(over.to_string());
            return crash(&*shared.store, lease, &name, trouble).await;
        }
    };
    info!(run = %id, name = %name, flow = %flow, attempt, replayed = past.entries.len(), "executing");

    let retry = &description.options.retry;
    let deadline = description.options.timeout_ms.map(Duration::from_millis);
    let parameters = run.parameters.clone();
    let port = Driver::new(
        Arc::clone(&shared),
        claimed,
        Arc::clone(&prepared),
        past,
        deadline,
        slot,
        held,
    );
    let around = Surroundings {
        run: Some(id),
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
        // There is no time left to execute it.
        let outcome = Err(timed_out(deadline.unwrap_or_default()));
        return conclude(port, outcome, retry, &*shared.store).await;
    }
    let mut hear = port.signals();
    let clean_up = shared.config.clean_up;
    let stop = async {
        tokio::select! {
            () = until(timeout) => {}
            () = at_least(&mut hear, Signal::Cancel) => tokio::time::sleep(clean_up).await,
        }
    };
    // Waiting flows stay in memory where there is room, and are no obstacle where there is not.
    let room = shared
        .runtime
        .flow_room(&prepared, || shared.parking.make_room());
    let room = match room.await {
        Ok(room) => room,
        Err(over) => {
            let failure = Failure::new(FailureKind::Limit, over.to_string());
            return conclude(port, Err(failure), retry, &*shared.store).await;
        }
    };
    let start = FlowStart {
        room,
        flow,
        parameters,
        around,
    };
    let first = port.first_record();
    let executing = shared.runtime.run_flow(&prepared, start, port, stop);
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
            // It may pass; then some worker goes on with the run.
            Interruption::Store(err) if err.is_trouble() => return Stop::Failed(err),
            Interruption::Store(err) => Err(Failure::new(FailureKind::Crashed, err.to_string())),
            Interruption::Failed(failure) => Err(failure),
        },
    };
    conclude(port, outcome, retry, &*shared.store).await
}

/// Decides what follows an attempt, and records it: the only way out for an attempt whose
/// flow has returned, was stopped, or cannot go on.
async fn conclude(
    mut port: Driver,
    outcome: Outcome,
    retry: &RetryPolicy,
    store: &dyn Store,
) -> Stop {
    let (lease, name, attempt) = port.whose();
    let outcome = port.finish(outcome);
    let decision = after_flow_attempt(retry, attempt, &outcome, rand::random());
    match (decision, outcome) {
        (Decision::RetryAfter(delay), Err(failure)) => {
            info!(run = %lease.run, %name, %failure, ?delay, "tried again later");
            match port.try_again(&failure, delay).await {
                Ok(()) | Err(StoreError::Stale { .. }) => Stop::Left,
                Err(err) => Stop::Failed(err),
            }
        }
        (_, outcome) => match port.end(outcome.clone()).await {
            // An end that cannot be recorded is a crash.
            Err(err) => crash(store, lease, &name, err.into()).await,
            Ok(()) => {
                say(lease.run, &name, &outcome);
                Stop::Ended
            }
        },
    }
}

async fn until(timeout: Option<Duration>) {
    match timeout {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

fn say(id: RunId, name: &RunName, outcome: &Outcome) {
    match outcome {
        Ok(_) => info!(run = %id, %name, "completed"),
        Err(failure) => {
            let (state, _) = State::of_failure(failure.kind);
            warn!(run = %id, %name, %state, %failure, "ended");
        }
    }
}

/// Why a run cannot be executed, or its end not recorded.
enum Trouble {
    Store(StoreError),
    Host(String),
}

impl From<StoreError> for Trouble {
    fn from(err: StoreError) -> Self {
        Self::Store(err)
    }
}

/// Ends a run by the host's fault. A trouble that may pass ends nothing, and neither does
/// one with a run that another worker has.
async fn crash(store: &dyn Store, lease: Lease, name: &RunName, trouble: Trouble) -> Stop {
    let message = match trouble {
        Trouble::Store(StoreError::Stale { .. }) => return Stop::Left,
        Trouble::Store(err) if err.is_trouble() => return Stop::Failed(err),
        Trouble::Store(err) => err.to_string(),
        Trouble::Host(message) => message,
    };
    let outcome = Err(Failure::new(FailureKind::Crashed, message));
    let mut progress = Progress::new(lease);
    progress.states = vec![State::ended(&outcome, store.clock().now())];
    progress.next = Next::End {
        outcome: outcome.clone(),
    };
    match store.record(progress).await {
        Ok(_) => {
            say(lease.run, name, &outcome);
            Stop::Ended
        }
        Err(StoreError::Stale { .. }) => Stop::Left,
        Err(err) => Stop::Failed(err),
    }
}

/// Ends a run because the program has panicked.
pub(super) async fn end_as_crashed(
    store: &dyn Store,
    lease: Lease,
    name: &RunName,
    message: String,
) -> Stop {
    crash(store, lease, name, Trouble::Host(message)).await
}

/// Everything that is loaded before an execution begins.
struct Begin {
    prepared: Arc<Prepared>,
    description: FlowDescription,
    past: Past,
}

async fn begin(shared: &Shared, claimed: &Claimed) -> Result<Begin, Trouble> {
    let run = &claimed.run;
    let (prepared, description) = prepare(shared, run).await?;
    let entries = match claimed.journal_len {
        0 => Vec::new(),
        _ => shared.store.journal(run.id).await?,
    };
    let kept = match run.attempt {
        1 => Vec::new(),
        _ => shared.store.kept(run.id).await?,
    };
    let open = |entry: &Entry| matches!(entry.call, Call::Task(_)) && entry.settled.is_none();
    let tasks = if entries.iter().any(open) {
        shared.store.open_task_runs(run.id).await?
    } else {
        Vec::new()
    };
    let paused = match (run.started, description.options.timeout_ms) {
        (Some(started), Some(_)) => paused(&shared.store.history(run.id).await?, started),
        _ => Duration::ZERO,
    };
    Ok(Begin {
        prepared,
        description,
        past: Past {
            entries,
            kept,
            tasks,
            paused,
        },
    })
}

async fn prepare(
    shared: &Shared,
    run: &FlowRun,
) -> Result<(Arc<Prepared>, FlowDescription), Trouble> {
    let prepared = match shared.prepare(run.component).await {
        Ok(prepared) => prepared,
        Err(PrepareError::Unreadable(why)) => return Err(StoreError::Unavailable(why).into()),
        Err(err) => return Err(Trouble::Host(format!("cannot be executed: {err}"))),
    };
    let flow = prepared.manifest.flow(run.flow.as_str());
    let flow = flow.cloned().ok_or_else(|| {
        Trouble::Host(format!(
            "cannot be executed: component {} has no flow `{}`",
            run.component.short(),
            run.flow
        ))
    })?;
    Ok((prepared, flow))
}

fn timed_out(timeout: Duration) -> Failure {
    wasm::timed_out("the flow run", timeout)
}
