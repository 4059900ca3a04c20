//! How runs are cancelled: from one run down to all that it started.

use rusqlite::Connection;

use super::ending::{self, Gain};
use super::rows::{RunNo, need_run_no, run_by_no};
use super::runs::{check_transition, enter};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{Failure, RunId, State, StateName, StateType, Timestamp, WorkerId};
use store::{Cancellation, StoreError, StoreResult};

pub(super) fn cancel(tx: &Tx<'_>, id: RunId, now: Timestamp) -> StoreResult<Cancellation> {
    let run = run_by_no(tx, need_run_no(tx, id)?)?;
    if let Some(within) = run.within {
        return Err(StoreError::Subflow { run: id, within });
    }
    if run.state.kind.is_terminal() {
        return Ok(Cancellation::Over(run.state));
    }
    let mut done = Cancellation::Told;
    for target in family(tx, id)? {
        if cancel_one(tx, &target, now)? && target.id == id {
            done = Cancellation::Done;
        }
    }
    tx.tell_ready();
    tx.tell_change();
    Ok(done)
}

struct Target {
    no: RunNo,
    id: RunId,
    state: StateType,
    leased: bool,
    begun: bool,
}

/// The run and everything below it that has not ended, from the top. Subflows are passed
/// through: they end with the run around them, but may have started others.
fn family(tx: &Tx<'_>, id: RunId) -> StoreResult<Vec<Target>> {
    tx.all(
        "WITH RECURSIVE family (no, id, depth) AS (
             SELECT no, id, 0 FROM flow_runs WHERE id = ?1
             UNION
             SELECT r.no, r.id, f.depth + 1 FROM family f
             JOIN flow_run_specs s ON s.parent = f.id
             JOIN flow_runs r ON r.no = s.no
         )
         SELECT r.no, r.id, r.state, r.worker IS NOT NULL, r.journal_len > 0
         FROM family f JOIN flow_runs r ON r.no = f.no JOIN flow_run_specs s ON s.no = f.no
         WHERE r.ended IS NULL AND s.within IS NULL ORDER BY f.depth, r.no",
        [id],
        |row| {
            Ok(Target {
                no: row.get(0)?,
                id: row.get(1)?,
                state: row.get(2)?,
                leased: row.get(3)?,
                begun: row.get(4)?,
            })
        },
    )
}

/// Whether the run is over with that.
fn cancel_one(tx: &Tx<'_>, run: &Target, now: Timestamp) -> StoreResult<bool> {
    if run.state == StateType::Cancelling {
        return Ok(false);
    }
    if !run.leased && !run.begun {
        let outcome = Err(Failure::cancelled());
        let state = State::ended(&outcome, now);
        check_transition(run.id, run.state, state.kind)?;
        ending::end(tx, run.no, run.id, Gain::default(), &state, &outcome)?;
        return Ok(true);
    }
    let state = State::new(StateType::Cancelling, StateName::CANCELLING, now);
    check_transition(run.id, run.state, state.kind)?;
    enter(tx, run.no, &state)?;
    // One that nobody executes is to be claimed for its clean-up.
    tx.run(
        "UPDATE flow_runs SET wake_after = NULL,
             ready_at = CASE WHEN worker IS NULL THEN ?2 END
         WHERE no = ?1",
        params![run.no, now],
    )?;
    Ok(false)
}

/// The leased runs whose worker is to hear of it.
pub(super) fn orders(conn: &Connection, worker: WorkerId) -> StoreResult<Vec<(RunId, StateType)>> {
    conn.all(
        "SELECT id, state FROM flow_runs WHERE worker = ?1 AND worker IS NOT NULL
             AND state IN ('CANCELLING', 'PAUSED')",
        [worker],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
