//! Why a decision refuses what was asked.

use crate::OtherRequest;
use model::{RunId, Seq, StateType, TaskRunId};

/// Why a decision refuses what was asked. Nothing has been changed then.
///
/// All but the last are facts that a caller handles. The storage error of each has the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The run is not under this lease any more.
    Stale {
        run: RunId,
        epoch: u64,
    },
    Over {
        run: RunId,
        state: StateType,
    },
    NotOver {
        run: RunId,
        state: StateType,
    },
    NotPaused {
        run: RunId,
        state: StateType,
    },
    /// It is paused already.
    Paused {
        run: RunId,
    },
    /// It ends after its clean-up, whatever is wished of it.
    Cancelling {
        run: RunId,
    },
    /// Only the run around a subflow can be controlled.
    Subflow {
        run: RunId,
        within: RunId,
    },
    /// A run has this idempotency key already, and was asked for otherwise.
    OtherRequest {
        key: String,
        run: RunId,
        other: OtherRequest,
    },
    Broken(Broken),
}

/// A rule that the caller should have kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("flow run {run} cannot go from {from} to {to}")]
    Transition {
        run: RunId,
        from: StateType,
        to: StateType,
    },
    #[error("new flow run {run} is {state}, not SCHEDULED")]
    NotScheduled { run: RunId, state: StateType },
    #[error("new flow run {0} has no work pool")]
    NoPool(RunId),
    #[error("flow run {run}: entry {found} where {next} is next")]
    Gap { run: RunId, found: Seq, next: u64 },
    #[error("flow run {run}: in state {state} it cannot {wish}")]
    Next {
        run: RunId,
        state: StateType,
        wish: &'static str,
    },
    #[error("flow run {0}: it waits for more calls than it names")]
    CountTooHigh(RunId),
    #[error("flow run {run}: it waits for {call}, which it never called")]
    NeverCalled { run: RunId, call: Seq },
    #[error("flow run {run}: subflow {subflow} is not of it")]
    StrangeSubflow { run: RunId, subflow: RunId },
    #[error("flow run {subflow} is not a subflow within {within}")]
    NotWithin { subflow: RunId, within: RunId },
    #[error("flow run {run}: task run {task_run} is not of it")]
    StrangeTaskRun { run: RunId, task_run: TaskRunId },
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// Refuses a transition that the table does not have.
pub(super) fn check_transition(run: RunId, from: StateType, to: StateType) -> Result<(), Broken> {
    if from.may_become(to) {
        Ok(())
    } else {
        Err(Broken::Transition { run, from, to })
    }
}
