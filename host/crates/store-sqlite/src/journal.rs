//! Journals: entries, what they watch and ask for, and what is kept for the next attempt.

use rusqlite::Connection;

use super::columns::AsJson;
use super::inputs;
use super::rows::{entry, need_run_no, unsigned};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{Answer, Entry, RunId, Seq, Settlement, Timestamp};
use orchestrator::lifecycle::{AddEntry, RunKey};
use store::{Settled, StoreResult};

/// `target`: the run whose end settles it.
pub(super) fn add_entry(tx: &Tx<'_>, it: &AddEntry<'_>, target: Option<RunKey>) -> StoreResult<()> {
    let entry = it.entry;
    let settled = it.settled.as_ref();
    tx.run(
        "INSERT INTO journal (run, seq, at, due_at, settled_at, call, answer, settlement, keep)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            it.run,
            entry.seq,
            entry.at,
            it.due,
            settled.map(|(at, _)| *at),
            AsJson(&entry.call),
            AsJson(&entry.answer),
            settled.map(|(_, settlement)| AsJson(&**settlement)),
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
        inputs::add(tx, it.run, entry.seq)?;
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
        params![run, seq, at, AsJson(settlement), keep],
    )?;
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

/// Makes room for the next attempt.
pub(super) fn empty(tx: &Tx<'_>, run: RunKey, keep: bool) -> StoreResult<()> {
    if keep {
        // What goes on meanwhile may have settled since an earlier attempt kept it.
        tx.run(
            "INSERT INTO journal_kept (run, seq, at, settled_at, call, answer, settlement)
             SELECT run, seq, at, settled_at, call, answer, settlement
             FROM journal WHERE run = ?1 AND keep ORDER BY seq
             ON CONFLICT (run, answer) DO UPDATE SET
                 settled_at = excluded.settled_at, settlement = excluded.settlement",
            [run],
        )?;
    } else {
        tx.run("DELETE FROM journal_kept WHERE run = ?1", [run])?;
    }
    tx.run("DELETE FROM watches WHERE run = ?1", [run])?;
    tx.run("DELETE FROM inputs WHERE run = ?1", [run])?;
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
    conn.all(
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY seq",
        [run],
        entry,
    )
}

pub(super) fn kept(conn: &Connection, run: RunId) -> StoreResult<Vec<Entry>> {
    conn.all(
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal_kept
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY no",
        [run],
        entry,
    )
}

pub(super) fn settled(conn: &Connection, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Settled>> {
    let run = need_run_no(conn, run)?;
    let mut settled = Vec::new();
    for seq in calls {
        settled.extend(conn.first(
            "SELECT seq, settled_at, settlement FROM journal
             WHERE run = ?1 AND seq = ?2 AND settled_at IS NOT NULL",
            params![run, seq],
            |row| {
                Ok(Settled {
                    seq: row.get(0)?,
                    at: row.get(1)?,
                    settlement: row.get::<_, AsJson<Settlement>>(2)?.0,
                })
            },
        )?);
    }
    settled.sort_by_key(|settled| (settled.at, settled.seq));
    Ok(settled)
}
