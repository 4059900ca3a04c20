//! What runs have asked people for.
//!
//! ```text
//! a flow asks --> entry without a settlement, and a row in `inputs` to find it by
//!   given by a person      --> settles with the value, and the run may be woken
//!   its time is over       --> settles as timed out, as a timer does (`due`)
//!   the flow withdraws it  --> settles as cancelled
//! ```
//!
//! Whichever comes first settles it; the others find it settled. The row in `inputs` goes with
//! that, and with a run that does not succeed: so those of all runs are few.

use rusqlite::Connection;

use super::columns::AsJson;
use super::load::subject;
use super::sql::{Sql, params};
use super::texts;
use super::writer::Tx;
use model::{
    Answer, AwaitedInput, Call, FailureKind, InputChange, InputEvent, InputId, Outcome, RunId, Seq,
    Timestamp,
};
use orchestrator::lifecycle::{self, Head, RunKey, Subject};
use store::texts::Stored;
use store::{StoreError, StoreResult};

/// Notes where a request stands. `is_open`: nobody has given it yet.
pub(super) fn add(tx: &Tx<'_>, run: RunKey, seq: Seq, is_open: bool) -> StoreResult<()> {
    if is_open {
        tx.run(
            "INSERT INTO inputs (run, seq) VALUES (?1, ?2)",
            params![run, seq],
        )?;
        tell(tx, run, seq, InputChange::Asked)?;
    }
    Ok(())
}

/// A request has settled so.
pub(super) fn settled(tx: &Tx<'_>, run: RunKey, seq: Seq, outcome: &Outcome) -> StoreResult<()> {
    let what = match outcome {
        Ok(_) => InputChange::Given,
        Err(failure) if failure.kind == FailureKind::TimedOut => InputChange::Expired,
        Err(_) => InputChange::Withdrawn,
    };
    tell(tx, run, seq, what)?;
    tx.run(
        "DELETE FROM inputs WHERE run = ?1 AND seq = ?2",
        params![run, seq],
    )?;
    Ok(())
}

/// The run waits for nothing any more.
pub(super) fn forget(tx: &Tx<'_>, run: RunKey) -> StoreResult<()> {
    tx.run("DELETE FROM inputs WHERE run = ?1", [run])?;
    Ok(())
}

/// Reads what an event says of the request. Requests are rare.
fn tell(tx: &Tx<'_>, run: RunKey, seq: Seq, what: InputChange) -> StoreResult<()> {
    let (journal, AsJson(call), AsJson(answer)): (RunId, AsJson<Call>, AsJson<Answer>) = tx.need(
        "SELECT r.id, j.call, j.answer FROM journal j JOIN flow_runs r ON r.no = j.run
         WHERE j.run = ?1 AND j.seq = ?2",
        params![run, seq],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if let (Call::Input { key, scope, .. }, Answer::Input { id: input, .. }) = (call, answer) {
        tx.changes().input(&InputEvent {
            run: asker(tx, run, journal, scope)?,
            journal,
            input,
            key,
            what,
        });
    }
    Ok(())
}

/// The run whose journal has the calls of this one. Errs if there is no such run.
pub(super) fn journal_of(conn: &Connection, id: RunId) -> StoreResult<Subject> {
    let run = subject(conn, id)?;
    match run.within {
        Some(root) => subject(conn, root),
        None => Ok(run),
    }
}

/// Those of the run and of the subflows within it; of a subflow its own.
pub(super) fn awaited(conn: &Connection, id: RunId) -> StoreResult<Vec<AwaitedInput>> {
    let inputs = open(conn, &journal_of(conn, id)?, id)?;
    Ok(inputs.into_iter().map(|(_, input)| input).collect())
}

/// Those of any run, the latest run first: at most `count`.
pub(super) fn awaited_by_any(conn: &Connection, count: u32) -> StoreResult<Vec<AwaitedInput>> {
    const RUNS: i64 = 100;
    let count = count as usize;
    let mut awaited = Vec::new();
    let mut before = RunKey(i64::MAX);
    while awaited.len() < count {
        let runs: Vec<(RunKey, RunId)> = conn.all(
            "SELECT DISTINCT r.no, r.id FROM inputs i CROSS JOIN flow_runs r ON r.no = i.run
             WHERE i.run < ?1 AND r.ended IS NULL ORDER BY i.run DESC LIMIT ?2",
            params![before, RUNS],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((last, _)) = runs.last() else {
            break;
        };
        before = *last;
        for (_, id) in runs {
            let inputs = open(conn, &subject(conn, id)?, id)?;
            awaited.extend(inputs.into_iter().map(|(_, input)| input));
        }
    }
    awaited.truncate(count);
    Ok(awaited)
}

/// The call that asks for this input, if it is one of those. `root`: see [`journal_of`].
pub(super) fn find(
    conn: &Connection,
    root: &Subject,
    id: RunId,
    input: InputId,
) -> StoreResult<Option<Seq>> {
    let open = open(conn, root, id)?;
    let found = open.into_iter().find(|(_, it)| it.id == input);
    Ok(found.map(|(seq, _)| seq))
}

fn open(conn: &Connection, root: &Subject, id: RunId) -> StoreResult<Vec<(Seq, AwaitedInput)>> {
    let Head {
        key: no,
        id: root,
        state,
        ..
    } = root.head;
    if !lifecycle::awaits_input(state) {
        return Ok(Vec::new());
    }
    let entries: Vec<((Seq, Timestamp, Call), Answer)> = texts::all(
        conn,
        "SELECT j.seq, j.call, j.answer, j.at
         FROM inputs i JOIN journal j ON j.run = i.run AND j.seq = i.seq
         WHERE i.run = ?1 AND j.settled_at IS NULL ORDER BY j.seq",
        [no],
        |row| {
            let AsJson(call) = row.get(1)?;
            let asked = (row.get(0)?, row.get(3)?, call);
            let AsJson(answer) = row.get(2)?;
            // Of these two, only the answer has a text that is needed.
            Ok(Stored::new((asked, answer)))
        },
    )?;
    let mut inputs = Vec::with_capacity(entries.len());
    for ((seq, asked, call), answer) in entries {
        let Call::Input { key, scope, .. } = call else {
            return Err(damaged(root, seq));
        };
        let Answer::Input {
            id,
            description,
            schema,
            until,
        } = answer
        else {
            return Err(damaged(root, seq));
        };
        let run = asker(conn, no, root, scope)?;
        inputs.push((
            seq,
            AwaitedInput {
                id,
                run,
                key,
                description,
                schema,
                asked,
                until,
            },
        ));
    }
    inputs.retain(|(_, input)| id == root || input.run == id);
    Ok(inputs)
}

fn damaged(run: RunId, seq: Seq) -> StoreError {
    StoreError::Damaged(format!("call {seq} of flow run {run} asks for no input"))
}

/// The run that a call in this scope is made by.
fn asker(conn: &Connection, no: RunKey, root: RunId, scope: Option<Seq>) -> StoreResult<RunId> {
    let Some(scope) = scope else {
        return Ok(lifecycle::asker(root, None));
    };
    let answer: Option<AsJson<Answer>> = conn.first(
        "SELECT answer FROM journal WHERE run = ?1 AND seq = ?2",
        params![no, scope],
        |row| row.get(0),
    )?;
    Ok(lifecycle::asker(
        root,
        answer.map(|answer| answer.0).as_ref(),
    ))
}
