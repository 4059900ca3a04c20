//! What flows ask people for.
//!
//! A request is a call of the journal, with a row in `inputs` to find it by. Given, expired or
//! withdrawn, it settles once; the row goes with that, and with a run that does not succeed.

use super::columns::AsJson;
use super::load::{seen, subject};
use super::sql::{Conn, params};
use super::texts;
use crate::error::Pg;
use crate::tx::{Bulk, How, Tx};
use model::{
    Answer, AwaitedInput, Call, FailureKind, InputChange, InputEvent, InputId, Outcome, RunId, Seq,
    Timestamp,
};
use orchestrator::lifecycle::{self, Head, RunKey, Subject};
use store::StoreError;
use store::texts::Stored;

static INPUTS: Bulk = Bulk {
    table: "inputs",
    columns: &[("run", "bigint"), ("seq", "bigint")],
    keys: 1,
    how: How::Insert { conflict: "" },
};

/// A run waits for nothing any more.
static FORGOTTEN: Bulk = Bulk {
    table: "inputs",
    columns: &[("run", "bigint")],
    keys: 1,
    how: How::Delete,
};

/// Notes where a request stands. `is_open`: nobody has given it yet.
pub(crate) async fn add(tx: &Tx, run: RunKey, seq: Seq, is_open: bool) -> Pg<()> {
    if is_open {
        tx.bulk(&INPUTS, params![run, seq]);
        tell(tx, run, seq, InputChange::Asked).await?;
    }
    Ok(())
}

/// A request has settled so.
pub(crate) async fn settled(tx: &Tx, run: RunKey, seq: Seq, outcome: &Outcome) -> Pg<()> {
    let what = match outcome {
        Ok(_) => InputChange::Given,
        Err(failure) if failure.kind == FailureKind::TimedOut => InputChange::Expired,
        Err(_) => InputChange::Withdrawn,
    };
    tell(tx, run, seq, what).await?;
    tx.run(
        "DELETE FROM inputs WHERE run = $1 AND seq = $2",
        params![run, seq],
    );
    Ok(())
}

/// The run waits for nothing any more.
pub(crate) fn forget(tx: &Tx, run: RunKey) {
    tx.bulk(&FORGOTTEN, params![run]);
}

/// Reads what an event says of the request. Requests are rare.
async fn tell(tx: &Tx, run: RunKey, seq: Seq, what: InputChange) -> Pg<()> {
    let (journal, AsJson(call), AsJson(answer)): (RunId, AsJson<Call>, AsJson<Answer>) = tx
        .need(
            "SELECT r.id, j.call, j.answer FROM journal j JOIN flow_runs r ON r.no = j.run
             WHERE j.run = $1 AND j.seq = $2",
            params![run, seq],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .await?;
    if let (Call::Input { key, scope, .. }, Answer::Input { id: input, .. }) = (call, answer) {
        let event = InputEvent {
            run: asker(tx, run, journal, scope).await?,
            journal,
            input,
            key,
            what,
        };
        tx.change(|changes| changes.input(&event));
    }
    Ok(())
}

/// The run whose journal has the calls of this one, locked. Errs if there is no such run.
pub(crate) async fn journal_of(tx: &Tx, id: RunId) -> Pg<Subject> {
    match seen(tx, id).await?.within {
        Some(root) => subject(tx, root).await,
        None => subject(tx, id).await,
    }
}

/// Those of the run and of the subflows within it; of a subflow its own.
pub(crate) async fn awaited(conn: &impl Conn, id: RunId) -> Pg<Vec<AwaitedInput>> {
    let run = seen(conn, id).await?;
    let root = match run.within {
        Some(root) => seen(conn, root).await?,
        None => run,
    };
    let inputs = open(conn, &root, id).await?;
    Ok(inputs.into_iter().map(|(_, input)| input).collect())
}

/// Those of any run, the latest run first: at most `count`.
pub(crate) async fn awaited_by_any(conn: &impl Conn, count: u32) -> Pg<Vec<AwaitedInput>> {
    const RUNS: i64 = 100;
    let count = count as usize;
    let mut awaited = Vec::new();
    let mut before = RunKey(i64::MAX);
    while awaited.len() < count {
        let runs: Vec<(RunKey, RunId)> = conn
            .all(
                "SELECT r.no, r.id FROM (
                     SELECT DISTINCT run FROM inputs WHERE run < $1 ORDER BY run DESC LIMIT $2
                 ) i JOIN flow_runs r ON r.no = i.run ORDER BY r.no DESC",
                params![before, RUNS],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .await?;
        let Some((last, _)) = runs.last() else {
            break;
        };
        before = *last;
        for (_, id) in runs {
            let inputs = open(conn, &seen(conn, id).await?, id).await?;
            awaited.extend(inputs.into_iter().map(|(_, input)| input));
        }
    }
    awaited.truncate(count);
    Ok(awaited)
}

/// The call that asks for this input, if it is one of those. `root`: see [`journal_of`].
pub(crate) async fn find(tx: &Tx, root: &Subject, id: RunId, input: InputId) -> Pg<Option<Seq>> {
    let open = open(tx, root, id).await?;
    let found = open.into_iter().find(|(_, it)| it.id == input);
    Ok(found.map(|(seq, _)| seq))
}

async fn open(conn: &impl Conn, root: &Subject, id: RunId) -> Pg<Vec<(Seq, AwaitedInput)>> {
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
         WHERE i.run = $1 AND j.settled_at IS NULL ORDER BY j.seq",
        params![no],
        |row| {
            let AsJson(call) = row.get(1)?;
            let asked = (row.get(0)?, row.get(3)?, call);
            let AsJson(answer) = row.get(2)?;
            // Of these two, only the answer has a text that is needed.
            Ok(Stored::new((asked, answer)))
        },
    )
    .await?;
    let mut inputs = Vec::with_capacity(entries.len());
    for ((seq, asked, call), answer) in entries {
        let Call::Input { key, scope, .. } = call else {
            return Err(damaged(root, seq).into());
        };
        let Answer::Input {
            id,
            description,
            schema,
            until,
        } = answer
        else {
            return Err(damaged(root, seq).into());
        };
        let run = asker(conn, no, root, scope).await?;
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
async fn asker(conn: &impl Conn, no: RunKey, root: RunId, scope: Option<Seq>) -> Pg<RunId> {
    let Some(scope) = scope else {
        return Ok(lifecycle::asker(root, None));
    };
    let answer: Option<AsJson<Answer>> = conn
        .first(
            "SELECT answer FROM journal WHERE run = $1 AND seq = $2",
            params![no, scope],
            |row| row.get(0),
        )
        .await?;
    Ok(lifecycle::asker(
        root,
        answer.map(|answer| answer.0).as_ref(),
    ))
}
