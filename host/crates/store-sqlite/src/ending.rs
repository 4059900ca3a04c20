//! How calls settle and runs end, and who is told.
//!
//! ```text
//! run ends --> its watchers' calls settle --> a run that waits for enough of them
//!    |                                        becomes ready
//!    +--> subflows within it that have not ended, end
//! ```

use super::columns::AsJson;
use super::rows::{RunNo, run_by_no};
use super::runs::{add_newest_state, check_transition};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{Failure, FailureKind, Outcome, RunId, Seq, Settlement, State, StateType, Timestamp};
use store::StoreResult;

/// Whether a call had not settled before. Its run becomes ready if that was the last thing
/// it waited for.
pub(super) fn settle(
    tx: &Tx<'_>,
    run: RunNo,
    seq: Seq,
    at: Timestamp,
    settlement: &Settlement,
) -> StoreResult<bool> {
    let awaited: Option<Option<i64>> = tx.first(
        "SELECT awaited FROM journal WHERE run = ?1 AND seq = ?2 AND settled_at IS NULL",
        params![run, seq],
        |row| row.get(0),
    )?;
    let Some(awaited) = awaited else {
        return Ok(false);
    };
    tx.run(
        "UPDATE journal SET settled_at = ?3, settlement = ?4 WHERE run = ?1 AND seq = ?2",
        params![run, seq, at, AsJson(settlement)],
    )?;
    if let Some(epoch) = awaited {
        wake(tx, run, epoch, at)?;
    }
    Ok(true)
}

/// Counts one settlement for a run that waits since this epoch. What it waited for under
/// an earlier epoch does not count.
fn wake(tx: &Tx<'_>, run: RunNo, epoch: i64, at: Timestamp) -> StoreResult<()> {
    let waits: Option<(i64, StateType)> = tx.first(
        "SELECT wake_after, state FROM flow_runs
         WHERE no = ?1 AND epoch = ?2 AND wake_after > 0",
        params![run, epoch],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match waits {
        None => return Ok(()),
        Some((1, StateType::Waiting)) => {
            tx.run(
                "UPDATE flow_runs SET wake_after = 0, ready_at = ?2 WHERE no = ?1",
                params![run, at],
            )?;
            tx.tell_ready();
        }
        Some((left, _)) => {
            tx.run(
                "UPDATE flow_runs SET wake_after = ?2 WHERE no = ?1",
                params![run, left - 1],
            )?;
        }
    }
    Ok(())
}

/// What a run has gained since its row was written last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gain {
    /// States that it only passed through, already in its history.
    pub states: i64,
    pub started: Option<Timestamp>,
    pub entries: i64,
    pub logged: i64,
}

/// Makes a run terminal. The caller has checked that it may.
pub(super) fn end(
    tx: &Tx<'_>,
    no: RunNo,
    id: RunId,
    gain: Gain,
    state: &State,
    outcome: &Outcome,
) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             ended = ?5, outcome = ?6, states = states + 1 + ?7,
             started = coalesce(started, ?8), journal_len = journal_len + ?9,
             logged = logged + ?10, worker = NULL, ready_at = NULL, wake_after = NULL
         WHERE no = ?1",
        params![
            no,
            state.kind,
            state.name,
            state.message,
            state.at,
            AsJson(outcome),
            gain.states,
            gain.started,
            gain.entries,
            gain.logged
        ],
    )?;
    add_newest_state(tx, no, state)?;
    tx.tell_change();
    tell_watchers(tx, no, state.at)?;
    if let Err(failure) = outcome {
        end_task_runs(tx, no, failure, state.at)?;
    }
    end_subflows(tx, id, state, outcome)
}

/// Task runs that nobody executes any more: of a run that ended without its worker.
fn end_task_runs(tx: &Tx<'_>, no: RunNo, failure: &Failure, at: Timestamp) -> StoreResult<()> {
    let open: Vec<(i64, AsJson<Vec<State>>)> = tx.all(
        "SELECT no, history FROM task_runs WHERE journal = ?1
             AND state NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')",
        [no],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (task_run, AsJson(mut history)) in open {
        let state = State::ended(&Err(failure.clone()), at);
        let kind = state.kind;
        history.push(state);
        tx.run(
            "UPDATE task_runs SET state = ?2, history = ?3, retry_at = NULL WHERE no = ?1",
            params![task_run, kind, AsJson(&history)],
        )?;
    }
    Ok(())
}

fn tell_watchers(tx: &Tx<'_>, no: RunNo, at: Timestamp) -> StoreResult<()> {
    let watchers: Vec<(RunNo, Seq)> = tx.all(
        "SELECT run, seq FROM watches WHERE target = ?1",
        [no],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if watchers.is_empty() {
        return Ok(());
    }
    let settlement = Settlement::Run(run_by_no(tx, no)?.snapshot());
    for (run, seq) in watchers {
        settle(tx, run, seq, at, &settlement)?;
    }
    tx.run("DELETE FROM watches WHERE target = ?1", [no])?;
    // Whoever executes a watcher without having given it up must hear of it, too.
    tx.tell_ready();
    Ok(())
}

/// A subflow lives in the sandbox of the run, so it cannot outlive it. It shares the run's
/// failure; if the run succeeded without waiting for it, it was dropped.
fn end_subflows(tx: &Tx<'_>, id: RunId, state: &State, outcome: &Outcome) -> StoreResult<()> {
    let subflows: Vec<(RunNo, RunId, StateType)> = tx.all(
        "SELECT r.no, r.id, r.state FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
         WHERE s.within = ?1 AND r.ended IS NULL",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    for (no, subflow, from) in subflows {
        let outcome = match outcome {
            Err(failure) => Err(failure.clone()),
            Ok(_) => Err(Failure::new(
                FailureKind::Cancelled,
                "the flow ended without waiting for this subflow",
            )),
        };
        let state = match &outcome {
            Err(_) if state.kind != StateType::Completed => state.clone(),
            outcome => State::ended(outcome, state.at),
        };
        check_transition(subflow, from, state.kind)?;
        end(tx, no, subflow, Gain::default(), &state, &outcome)?;
    }
    Ok(())
}
