//! Journals: entries, what they watch and ask for, and what is kept for the next attempt.

use rusqlite::Connection;

use super::columns::AsJson;
use super::inputs;
use super::rows::{entry, need_run_no, unsigned};
use super::sql::{Row, Sql, params};
use super::texts;
use super::writer::Tx;
use model::{Answer, Call, CallMade, Entry, RunId, Seq, Settlement, Timestamp};
use orchestrator::Called;
use orchestrator::lifecycle::{AddEntry, RunKey};
use store::texts::Stored;
use store::{Settled, StoreResult};

macro_rules! select_kept {
    ($run:literal) => {
        concat!(
            "SELECT seq, call, answer, at, settled_at, settlement, identity
             FROM journal_kept WHERE run = ",
            $run,
            " ORDER BY no"
        )
    };
}

fn kept_entry(row: &Row<'_>) -> rusqlite::Result<Stored<Entry>> {
    let identity = row.get(6)?;
    Ok(entry(row)?.map(|entry| Entry { identity, ..entry }))
}

/// `target`: the run whose end settles it.
pub(super) fn add_entry(tx: &Tx<'_>, it: &AddEntry<'_>, target: Option<RunKey>) -> StoreResult<()> {
    let entry = it.entry;
    let settled = it.settled.as_ref();
    let settlement = settled.map(|(_, settlement)| texts::put(tx, it.run, &**settlement));
    tx.run(
        "INSERT INTO journal (run, seq, at, due_at, settled_at, call, answer, settlement, keep)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            it.run,
            entry.seq,
            entry.at,
            it.due,
            settled.map(|(at, _)| *at),
            AsJson(&*texts::put(tx, it.run, &entry.call)?),
            AsJson(&*texts::put(tx, it.run, &entry.answer)?),
            settlement.transpose()?.as_deref().map(AsJson),
            it.keep
        ],
    )?;
    if let Some(target) = target {
        tx.run(
            "INSERT INTO watches (target, run, seq) VALUES (?1, ?2, ?3)",
            params![target, it.run, entry.seq],
        )?;
    }
    if matches!(entry.answer, Answer::Input { .. }) {
        inputs::add(tx, it.run, entry.seq, settled.is_none())?;
    }
    Ok(())
}

pub(super) fn settle(
    tx: &Tx<'_>,
    run: RunKey,
    seq: Seq,
    at: Timestamp,
    settlement: &Settlement,
    keep: bool,
) -> StoreResult<()> {
    tx.run(
        "UPDATE journal SET settled_at = ?3, settlement = ?4, keep = ?5
         WHERE run = ?1 AND seq = ?2",
        params![
            run,
            seq,
            at,
            AsJson(&*texts::put(tx, run, settlement)?),
            keep
        ],
    )?;
    if let Settlement::Input(outcome) = settlement {
        inputs::settled(tx, run, seq, outcome)?;
    }
    Ok(())
}

pub(super) fn forget_watchers(tx: &Tx<'_>, target: RunKey) -> StoreResult<()> {
    tx.run("DELETE FROM watches WHERE target = ?1", [target])?;
    Ok(())
}

/// The run is to be woken when these settle.
pub(super) fn mark_awaited(tx: &Tx<'_>, run: RunKey, calls: &[Seq], epoch: u64) -> StoreResult<()> {
    for seq in calls {
        tx.run(
            "UPDATE journal SET awaited = ?3 WHERE run = ?1 AND seq = ?2",
            params![run, seq, epoch],
        )?;
    }
    Ok(())
}

/// The calls of a journal, in order, with their marks.
pub(super) fn called(conn: &Connection, run: RunKey) -> StoreResult<Vec<Called>> {
    texts::all(
        conn,
        "SELECT seq, call, keep FROM journal WHERE run = ?1 ORDER BY seq",
        [run],
        |row| {
            Ok(Stored::new(Called {
                seq: row.get(0)?,
                call: row.get::<_, AsJson<Call>>(1)?.0,
                keep: row.get(2)?,
            }))
        },
    )
}

/// Sets these calls aside for the next attempt.
pub(super) fn keep(tx: &Tx<'_>, run: RunKey, identities: &[(Seq, String)]) -> StoreResult<()> {
    // What goes on meanwhile may have settled since an earlier attempt kept it.
    tx.run(
        "INSERT INTO journal_kept
             (run, seq, at, settled_at, call, answer, settlement, identity)
         SELECT j.run, j.seq, j.at, j.settled_at, j.call, j.answer, j.settlement,
             i.value ->> 1
         FROM json_each(?2) i CROSS JOIN journal j ON j.run = ?1 AND j.seq = i.value ->> 0
         WHERE true ORDER BY j.seq
         ON CONFLICT (run, answer) DO UPDATE SET
             settled_at = excluded.settled_at, settlement = excluded.settlement,
             identity = excluded.identity",
        params![run, AsJson(identities)],
    )?;
    Ok(())
}

pub(super) fn forget_kept(tx: &Tx<'_>, run: RunKey) -> StoreResult<()> {
    tx.run("DELETE FROM journal_kept WHERE run = ?1", [run])?;
    Ok(())
}

/// Keeps what no other table knows of an attempt: its timers, and what it asked people for.
pub(super) fn remember(tx: &Tx<'_>, run: RunKey, attempt: u32) -> StoreResult<()> {
    tx.run(
        r#"INSERT OR REPLACE INTO past_calls (run, attempt, seq, at, settled_at, call)
         SELECT run, ?2, seq, at, settled_at, call FROM journal
         WHERE run = ?1 AND (call GLOB '{"timer":*' OR call GLOB '{"input":*')"#,
        params![run, attempt],
    )?;
    Ok(())
}

/// A column of JSON; in place of values at these paths there are others where it is long, so
/// that many calls with large arguments are read as fast as many with small ones.
macro_rules! without_values {
    ($column:literal, $replace:literal) => {
        concat!(
            "CASE WHEN octet_length(",
            $column,
            ") > 4096 THEN json_replace(",
            $column,
            ", ",
            $replace,
            ") ELSE ",
            $column,
            " END"
        )
    };
}

/// The calls of an attempt: of the latest one from its journal, of an earlier one what was
/// remembered.
pub(super) fn calls(conn: &Connection, run: RunId, attempt: u32) -> StoreResult<Vec<CallMade>> {
    let found: Option<(RunKey, u32)> = conn.first(
        "SELECT no, attempt FROM flow_runs WHERE id = ?1",
        [run],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some((run, latest)) = found else {
        return Ok(Vec::new());
    };
    if attempt == latest {
        let sql = concat!(
            "SELECT seq, at, settled_at, ",
            without_values!(
                "call",
                "'$.task.arguments', json('[]'), '$.\"run-deployment\".parameters', json('null'),
                 '$.subflow.parameters', json('null')"
            ),
            ", ",
            without_values!(
                "answer",
                "'$.run.run.outcome', json('null'), '$.input.schema', json('null')"
            ),
            " FROM journal WHERE run = ?1 ORDER BY seq"
        );
        conn.all(sql, [run], call_made)
    } else {
        let sql = "SELECT seq, at, settled_at, call, NULL FROM past_calls
             WHERE run = ?1 AND attempt = ?2 ORDER BY seq";
        conn.all(sql, params![run, attempt], call_made)
    }
}

fn call_made(row: &Row<'_>) -> rusqlite::Result<CallMade> {
    let answer = row.get::<_, Option<AsJson<Answer>>>(4)?;
    let call = Stored::new(CallMade {
        seq: row.get(0)?,
        at: row.get(1)?,
        settled: row.get(2)?,
        call: row.get::<_, AsJson<Call>>(3)?.0,
        answer: answer.map(|AsJson(answer)| answer),
    });
    Ok(call.without_texts())
}

/// Makes room for the next attempt.
pub(super) fn empty(tx: &Tx<'_>, run: RunKey) -> StoreResult<()> {
    tx.run("DELETE FROM watches WHERE run = ?1", [run])?;
    inputs::forget(tx, run)?;
    tx.run("DELETE FROM journal WHERE run = ?1", [run])?;
    Ok(())
}

/// Those of the calls that have not settled.
pub(super) fn open_among(conn: &Connection, run: RunKey, calls: &[Seq]) -> StoreResult<Vec<Seq>> {
    let mut open = Vec::with_capacity(calls.len());
    for seq in calls {
        if conn.any(
            "SELECT 1 FROM journal WHERE run = ?1 AND seq = ?2 AND settled_at IS NULL",
            params![run, seq],
        )? {
            open.push(*seq);
        }
    }
    Ok(open)
}

/// Whether the flow was told that it is cancelled.
pub(super) fn has_told_of_cancellation(conn: &Connection, run: RunKey) -> StoreResult<bool> {
    conn.any(
        r#"SELECT 1 FROM journal WHERE run = ?1 AND call GLOB '{"cancelled":*'"#,
        [run],
    )
}

pub(super) fn len(conn: &Connection, run: RunId) -> StoreResult<u64> {
    let len = conn.first(
        "SELECT journal_len FROM flow_runs WHERE id = ?1",
        [run],
        |row| unsigned(row, 0),
    )?;
    Ok(len.unwrap_or(0))
}

pub(super) fn entries(conn: &Connection, run: RunId) -> StoreResult<Vec<Entry>> {
    texts::all(
        conn,
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY seq",
        [run],
        entry,
    )
}

pub(super) fn entries_after(
    conn: &Connection,
    run: RunId,
    after: Option<Seq>,
    count: u32,
) -> StoreResult<Vec<Entry>> {
    texts::all(
        conn,
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) AND seq > coalesce(?2, -1)
         ORDER BY seq LIMIT ?3",
        params![run, after, count],
        entry,
    )
}

/// What earlier attempts have finished, in the order in which it was kept.
pub(super) fn kept(conn: &Connection, run: RunKey) -> StoreResult<Vec<Entry>> {
    texts::all(conn, select_kept!("?1"), [run], kept_entry)
}

pub(super) fn kept_of(conn: &Connection, run: RunId) -> StoreResult<Vec<Entry>> {
    texts::all(
        conn,
        select_kept!("(SELECT no FROM flow_runs WHERE id = ?1)"),
        [run],
        kept_entry,
    )
}

pub(super) fn settled(conn: &Connection, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Settled>> {
    let run = need_run_no(conn, run)?;
    let mut settled = Vec::new();
    for seq in calls {
        settled.extend(texts::first(
            conn,
            "SELECT seq, settled_at, settlement FROM journal
             WHERE run = ?1 AND seq = ?2 AND settled_at IS NOT NULL",
            params![run, seq],
            |row| {
                Ok(Stored::new(Settled {
                    seq: row.get(0)?,
                    at: row.get(1)?,
                    settlement: row.get::<_, AsJson<Settlement>>(2)?.0,
                }))
            },
        )?);
    }
    settled.sort_by_key(|settled| (settled.at, settled.seq));
    Ok(settled)
}
