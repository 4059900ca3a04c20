//! How runs are stopped by a person for a while, and go on.

use super::rows::{need_run_no, run_by_no};
use super::runs::{check_transition, enter};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{FlowRun, RunId, State, StateName, StateType, Timestamp};
use store::{StoreError, StoreResult};

/// Nobody can claim it any more; whoever executes it stops at its next record.
pub(super) fn pause(tx: &Tx<'_>, id: RunId, now: Timestamp) -> StoreResult<FlowRun> {
    let state = State::new(StateType::Paused, StateName::PAUSED, now);
    change(tx, id, &state, None)
}

/// Ready at once; it goes on by replay.
pub(super) fn resume(tx: &Tx<'_>, id: RunId, now: Timestamp) -> StoreResult<FlowRun> {
    let run = run_by_no(tx, need_run_no(tx, id)?)?;
    if run.state.kind != StateType::Paused {
        let state = run.state.kind;
        return Err(StoreError::NotPaused { run: id, state });
    }
    let state = State::scheduled(now).because("resumed");
    // One that has never begun still waits for its time.
    let ready = match run.started {
        None => run.scheduled.max(now),
        Some(_) => now,
    };
    change(tx, id, &state, Some(ready))
}

fn change(
    tx: &Tx<'_>,
    id: RunId,
    state: &State,
    ready_at: Option<Timestamp>,
) -> StoreResult<FlowRun> {
    let no = need_run_no(tx, id)?;
    let run = run_by_no(tx, no)?;
    if let Some(within) = run.within {
        return Err(StoreError::Subflow { run: id, within });
    }
    if run.state.kind.is_terminal() {
        let state = run.state.kind;
        return Err(StoreError::Over { run: id, state });
    }
    check_transition(id, run.state.kind, state.kind)?;
    enter(tx, no, state)?;
    // Whoever executes it keeps its lease until it has recorded what it did by then.
    tx.run(
        "UPDATE flow_runs SET wake_after = NULL, ready_at = ?2,
             worker = CASE WHEN ?2 IS NULL THEN worker END
         WHERE no = ?1",
        params![no, ready_at],
    )?;
    tx.tell_ready();
    run_by_no(tx, no)
}
