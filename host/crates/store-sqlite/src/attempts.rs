//! New attempts of a run: an empty journal, and what was finished kept aside.

use rusqlite::Connection;

use super::read;
use super::rows::{RunNo, entry, need_run_no, run_by_no};
use super::runs::enter;
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{Entry, FlowRun, RunId, State, Timestamp};
use orchestrator::is_worth_keeping;
use store::{StoreError, StoreResult};

/// Makes room for the next attempt.
pub(super) fn begin_next(tx: &Tx<'_>, no: RunNo, id: RunId, keep: bool) -> StoreResult<()> {
    if keep {
        for entry in read::journal(tx, id)?
            .iter()
            .filter(|it| is_worth_keeping(it))
        {
            // What goes on meanwhile may have settled since an earlier attempt kept it.
            tx.run(
                "INSERT INTO journal_kept (run, seq, at, settled_at, call, answer, settlement)
                 SELECT run, seq, at, settled_at, call, answer, settlement
                 FROM journal WHERE run = ?1 AND seq = ?2
                 ON CONFLICT (run, answer) DO UPDATE SET
                     settled_at = excluded.settled_at, settlement = excluded.settlement",
                params![no, entry.seq],
            )?;
        }
    } else {
        tx.run("DELETE FROM journal_kept WHERE run = ?1", [no])?;
    }
    tx.run("DELETE FROM watches WHERE run = ?1", [no])?;
    tx.run("DELETE FROM inputs WHERE run = ?1", [no])?;
    tx.run("DELETE FROM journal WHERE run = ?1", [no])?;
    tx.run(
        "UPDATE flow_runs SET journal_len = 0, logged = 0, started = NULL WHERE no = ?1",
        [no],
    )?;
    Ok(())
}

pub(super) fn kept(conn: &Connection, run: RunId) -> StoreResult<Vec<Entry>> {
    conn.all(
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal_kept
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY no",
        [run],
        entry,
    )
}

pub(super) fn retry(
    tx: &Tx<'_>,
    id: RunId,
    from_scratch: bool,
    now: Timestamp,
) -> StoreResult<FlowRun> {
    let no = need_run_no(tx, id)?;
    let run = run_by_no(tx, no)?;
    if let Some(within) = run.within {
        return Err(StoreError::Subflow { run: id, within });
    }
    if !run.state.kind.is_terminal() {
        let state = run.state.kind;
        return Err(StoreError::NotOver { run: id, state });
    }
    begin_next(tx, no, id, !from_scratch)?;
    let state = State::scheduled(now).because(match from_scratch {
        true => "retried from scratch",
        false => "retried",
    });
    enter(tx, no, &state)?;
    tx.run(
        "UPDATE flow_runs SET attempt = attempt + 1, crashes = 0, ended = NULL, outcome = NULL,
             ready_at = ?2, reserved_for = NULL
         WHERE no = ?1",
        params![no, now],
    )?;
    tx.tell_ready();
    run_by_no(tx, no)
}
