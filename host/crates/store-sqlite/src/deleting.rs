//! Deletes runs that are over, with all that belongs to them.
//!
//! ```text
//! delete --the run's own rows go, and it is noted--> nobody sees it any more
//!                                                     |
//! sweep  <------------ what was noted ----------------+
//!   rows of its history, journal, task runs and log, so many in one commit,
//!   and its holds of large texts, with the texts that no other run holds
//! ```
//!
//! A run may have a million rows, and no other write may wait for all of them. So a run first
//! goes from sight, at once, and what is left of it goes in parts. If the process ends in
//! between, the next deletion goes on.
//!
//! No number is given twice: places in listings would have other meanings. SQLite numbers a new
//! row after the last one, so the last run leaves its row, without a specification and under
//! another id, which no listing and no look-up finds.

use super::holds;
use super::load::subject;
use super::sql::{Sql, params};
use super::texts;
use super::writer::Tx;
use model::RunId;
use orchestrator::lifecycle::{self, RunKey};
use store::{StoreError, StoreResult};

/// Subflows that go in one commit, at most.
const SUBFLOWS_AT_ONCE: usize = 500;

/// Rows that belong to a run, by table: the number of the run, and what tells its rows apart.
const BELONGINGS: &[(&str, &str, &str)] = &[
    ("logs", "run", "no"),
    ("artifacts", "run", "no"),
    ("task_runs", "journal", "no"),
    ("journal", "run", "seq"),
    ("journal_kept", "run", "no"),
    ("flow_run_states", "run", "n"),
    ("inputs", "run", "seq"),
    ("run_blobs", "run", "digest"),
    // A position is of one attempt.
    ("past_calls", "run", "(attempt << 40 | seq)"),
];

/// Whether that was all: a run with very many subflows takes several commits. Errs if there is
/// no such run, if it is not over, or if it is a subflow.
pub(super) fn delete(tx: &Tx<'_>, id: RunId) -> StoreResult<bool> {
    let subject = subject(tx, id)?;
    lifecycle::may_delete(&subject)?;
    let subflows: Vec<(RunKey, RunId)> = tx.all(
        "SELECT r.no, r.id FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
         WHERE s.within = ?1 LIMIT ?2",
        params![id, SUBFLOWS_AT_ONCE as i64],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (key, subflow) in &subflows {
        remove(tx, *key, *subflow, Some(id))?;
    }
    if subflows.len() == SUBFLOWS_AT_ONCE {
        return Ok(false);
    }
    remove(tx, subject.head.key, id, None)?;
    Ok(true)
}

fn remove(tx: &Tx<'_>, run: RunKey, id: RunId, within: Option<RunId>) -> StoreResult<()> {
    let parent: Option<RunId> = tx.need(
        "SELECT parent FROM flow_run_specs WHERE no = ?1",
        [run],
        |row| row.get(0),
    )?;
    tx.run("DELETE FROM flow_run_specs WHERE no = ?1", [run])?;
    let is_last = tx.need("SELECT max(no) = ?1 FROM flow_runs", [run], |row| {
        row.get::<_, bool>(0)
    })?;
    if is_last {
        tx.run(
            "UPDATE flow_runs SET id = randomblob(16), state = 'COMPLETED', state_name = '',
                 state_message = NULL, outcome = NULL
             WHERE no = ?1",
            [run],
        )?;
    } else {
        tx.run("DELETE FROM flow_runs WHERE no = ?1", [run])?;
    }
    tx.run(
        "INSERT INTO deleted_runs (no, has_row) VALUES (?1, ?2)",
        params![run, is_last],
    )?;
    tx.changes().run_deleted(id, parent, within);
    Ok(())
}

/// Deletes up to so many rows of what was noted. Whether that was all.
pub(super) fn sweep(tx: &Tx<'_>, rows: i64) -> StoreResult<bool> {
    let mut left = rows;
    while left > 0 {
        let next: Option<(RunKey, bool)> = tx.first(
            "SELECT no, has_row FROM deleted_runs
             WHERE has_row = 0 OR is_swept = 0 OR no < (SELECT max(no) FROM flow_runs)
             ORDER BY no LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((run, has_row)) = next else {
            return Ok(true);
        };
        left -= sweep_one(tx, run, left)?;
        if left > 0 {
            forget(tx, run, has_row)?;
            left -= 1;
        }
    }
    Ok(false)
}

/// How many rows went. All that the run had, if these are fewer than were asked for.
fn sweep_one(tx: &Tx<'_>, run: RunKey, rows: i64) -> StoreResult<i64> {
    let mut left = rows;
    holds::let_go(tx, run)?;
    for (table, owner, key) in BELONGINGS {
        let sql = format!(
            "DELETE FROM {table} WHERE {owner} = ?1 AND {key} IN (
                 SELECT {key} FROM {table} WHERE {owner} = ?1 LIMIT ?2
             )"
        );
        left -= tx.run(&sql, params![run, left])? as i64;
        if left == 0 {
            return Ok(rows);
        }
    }
    left -= texts::sweep(tx, run, left)?;
    Ok(rows - left)
}

/// The last row stays until another comes after it.
fn forget(tx: &Tx<'_>, run: RunKey, has_row: bool) -> StoreResult<()> {
    if has_row {
        let swept = tx.run(
            "DELETE FROM flow_runs WHERE no = ?1 AND no < (SELECT max(no) FROM flow_runs)",
            [run],
        )?;
        if swept == 0 {
            tx.run("UPDATE deleted_runs SET is_swept = 1 WHERE no = ?1", [run])?;
            return Ok(());
        }
    }
    tx.run("DELETE FROM deleted_runs WHERE no = ?1", [run])?;
    Ok(())
}

/// Whether the run was left alone for a reason that concerns it alone.
pub(super) fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotFound(_) | StoreError::NotOver { .. } | StoreError::Subflow { .. }
    )
}
