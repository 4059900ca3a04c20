//! How runs are stopped by a person for a while, and go on.

use rusqlite::params;

use super::rows::{need_run_no, run_by_no};
use super::runs::{add_state, check_transition};
use super::sql::Sql;
use super::writer::Tx;
use crate::model::{FlowRun, RunId, State, StateName, StateType, Timestamp};
use crate::store::{StoreError, StoreResult};

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
    tx.tell_ready();
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
    let states = tx.need(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = states + 1, wake_after = NULL, ready_at = ?6,
             worker = CASE WHEN ?6 IS NULL THEN worker END
         WHERE no = ?1 RETURNING states",
        params![
            no,
            state.kind,
            state.name,
            state.message,
            state.at,
            ready_at
        ],
        |row| row.get(0),
    )?;
    add_state(tx, no, states, state)?;
    tx.tell_ready();
    tx.tell_change();
    run_by_no(tx, no)
}
