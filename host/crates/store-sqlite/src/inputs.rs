//! What runs have asked people for.
//!
//! ```text
//! a flow asks --> entry without a settlement, and a row in `inputs` to find it by
//!   given by a person      --> settles with the value, and the run may be woken
//!   its time is over       --> settles as timed out, as a timer does (`due`)
//!   the flow withdraws it  --> settles as cancelled
//! ```
//!
//! Whichever comes first settles it; the others find it settled.

use rusqlite::Connection;

use super::columns::AsJson;
use super::ending::settle;
use super::pause;
use super::rows::{RunNo, need_run_no, run_by_no};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{
    Answer, AwaitedInput, Call, Failure, FailureKind, InputId, Json, RunId, Seq, Settlement,
    StateType, Timestamp,
};
use store::{StoreError, StoreResult};

/// Notes where a request stands.
pub(super) fn add(tx: &Tx<'_>, run: RunNo, seq: Seq) -> StoreResult<()> {
    tx.run(
        "INSERT INTO inputs (run, seq) VALUES (?1, ?2)",
        params![run, seq],
    )?;
    Ok(())
}

/// Those of the run and of the subflows within it; of a subflow its own.
pub(super) fn awaited(conn: &Connection, id: RunId) -> StoreResult<Vec<AwaitedInput>> {
    let inputs = open(conn, id)?.into_iter().map(|(_, input)| input);
    Ok(inputs.collect())
}

/// One of those, if it is one.
pub(super) fn find(
    conn: &Connection,
    id: RunId,
    input: InputId,
) -> StoreResult<Option<(Seq, AwaitedInput)>> {
    let found = open(conn, id)?.into_iter().find(|(_, it)| it.id == input);
    Ok(found)
}

/// The value was checked. A paused run goes on with it.
pub(super) fn give(
    tx: &Tx<'_>,
    id: RunId,
    input: InputId,
    value: &Json,
    now: Timestamp,
) -> StoreResult<()> {
    let Some((seq, _)) = find(tx, id, input)? else {
        return Err(StoreError::InputNotAwaited { run: id });
    };
    let (no, root) = journal_of(tx, id)?;
    let settlement = Settlement::Input(Ok(value.clone()));
    settle(tx, no, seq, now, &settlement)?;
    // Whoever executes the run without having given it up must hear of it, too.
    tx.tell_ready();
    tx.tell_change();
    if run_by_no(tx, no)?.state.kind == StateType::Paused {
        pause::resume(tx, root, now)?;
    }
    Ok(())
}

/// What a request comes to whose time is over.
pub(super) fn timed_out() -> Settlement {
    let message = "nobody gave it in time";
    Settlement::Input(Err(Failure::new(FailureKind::TimedOut, message)))
}

fn open(conn: &Connection, id: RunId) -> StoreResult<Vec<(Seq, AwaitedInput)>> {
    let (no, root) = journal_of(conn, id)?;
    let state = run_by_no(conn, no)?.state.kind;
    if state.is_terminal() || state == StateType::Cancelling {
        return Ok(Vec::new());
    }
    let entries: Vec<(Seq, AsJson<Call>, AsJson<Answer>, Timestamp)> = conn.all(
        "SELECT j.seq, j.call, j.answer, j.at
         FROM inputs i JOIN journal j ON j.run = i.run AND j.seq = i.seq
         WHERE i.run = ?1 AND j.settled_at IS NULL ORDER BY j.seq",
        [no],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let mut inputs = Vec::with_capacity(entries.len());
    for (seq, AsJson(call), AsJson(answer), asked) in entries {
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
fn asker(conn: &Connection, no: RunNo, root: RunId, scope: Option<Seq>) -> StoreResult<RunId> {
    let Some(scope) = scope else {
        return Ok(root);
    };
    let subflow: Option<AsJson<Answer>> = conn.first(
        "SELECT answer FROM journal WHERE run = ?1 AND seq = ?2",
        params![no, scope],
        |row| row.get(0),
    )?;
    Ok(match subflow {
        Some(AsJson(Answer::Run { run })) => run.id,
        _ => root,
    })
}

/// The run whose journal has the calls of this one.
fn journal_of(conn: &Connection, id: RunId) -> StoreResult<(RunNo, RunId)> {
    let no = need_run_no(conn, id)?;
    match run_by_no(conn, no)?.within {
        Some(root) => Ok((need_run_no(conn, root)?, root)),
        None => Ok((no, id)),
    }
}
