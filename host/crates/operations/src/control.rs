//! What a person does to a run: cancel, pause, resume, retry, delete.

use model::{AwaitedInput, Cancellation, FlowRun, RunId, RunName, State, StateType};
use store::{Store, StoreError};

/// Why a run was left alone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlRefusal {
    /// Neither the run nor anything below it is there to be cancelled.
    #[error("flow run '{run}' is over: it is {}", .state.name)]
    Over { run: RunName, state: State },
    /// It is not paused, and goes on only with what it asked for.
    #[error("flow run '{}' waits for input", .run.name)]
    WaitsForInput {
        run: Box<FlowRun>,
        awaited: Vec<AwaitedInput>,
    },
    /// What the store says of this run.
    #[error("{error}")]
    Run {
        run: RunId,
        name: RunName,
        error: StoreError,
    },
}

/// The store knows a run by its id, people by its name.
fn of(run: &FlowRun) -> impl Fn(StoreError) -> ControlRefusal {
    |error| ControlRefusal::Run {
        run: run.id,
        name: run.name.clone(),
        error,
    }
}

/// What a cancellation has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The run had not begun, and has ended.
    AtOnce,
    /// The run was told. It ends after its clean-up.
    Told,
    /// The run had ended before. What it had started and goes on is cancelled.
    Below,
}

/// Cancels a run, and every run that it started.
pub async fn cancel(store: &dyn Store, run: &FlowRun) -> Result<Cancelled, ControlRefusal> {
    let cancelled = store.cancel(run.id, store.clock().now()).await;
    match cancelled.map_err(of(run))? {
        Cancellation::Done => Ok(Cancelled::AtOnce),
        Cancellation::Told => Ok(Cancelled::Told),
        Cancellation::Below(_) => Ok(Cancelled::Below),
        Cancellation::Over(state) => Err(ControlRefusal::Over {
            run: run.name.clone(),
            state,
        }),
    }
}

/// Stops a run until it is resumed.
pub async fn pause(store: &dyn Store, run: &FlowRun) -> Result<FlowRun, ControlRefusal> {
    let paused = store.pause(run.id, store.clock().now()).await;
    paused.map_err(of(run))
}

/// Lets a paused run go on. One that waits for input and is not paused is refused: the input
/// is what lets it go on.
pub async fn resume(store: &dyn Store, run: &FlowRun) -> Result<FlowRun, ControlRefusal> {
    if run.state.kind != StateType::Paused {
        let awaited = store.awaited_inputs(run.id).await.map_err(of(run))?;
        if !awaited.is_empty() {
            return Err(ControlRefusal::WaitsForInput {
                run: Box::new(run.clone()),
                awaited,
            });
        }
    }
    let resumed = store.resume(run.id, store.clock().now()).await;
    resumed.map_err(of(run))
}

/// Opens a new attempt of a run that is over. What earlier attempts have finished is reused,
/// unless it begins `from_scratch`.
pub async fn retry(
    store: &dyn Store,
    run: &FlowRun,
    from_scratch: bool,
) -> Result<FlowRun, ControlRefusal> {
    let now = store.clock().now();
    let retried = store.retry(run.id, from_scratch, now).await;
    retried.map_err(of(run))
}

/// Deletes a run that is over, with all that belongs to it.
pub async fn delete(store: &dyn Store, run: &FlowRun) -> Result<(), ControlRefusal> {
    let deleted = store.delete_runs(&[run.id]).await.map_err(of(run))?;
    let deleted: Result<(), StoreError> = deleted.into_iter().collect();
    deleted.map_err(of(run))
}
