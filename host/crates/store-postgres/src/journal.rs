//! Journals: entries, what they watch and ask for, and what is kept for the next attempt.

use super::columns::{AsJson, List};
use super::inputs;
use super::rows::{entry, need_run_no};
use super::sql::{Conn, Row, params};
use super::texts;
use crate::error::Pg;
use crate::tx::{Bulk, How, Tx};
use model::{Answer, Call, CallMade, Entry, RunId, Seq, Settlement, Timestamp};
use orchestrator::Called;
use orchestrator::lifecycle::{AddEntry, RunKey};
use store::Settled;
use store::texts::Stored;

static ENTRIES: Bulk = Bulk {
    table: "journal",
    columns: &[
        ("run", "bigint"),
        ("seq", "bigint"),
        ("at", "bigint"),
        ("due_at", "bigint"),
        ("settled_at", "bigint"),
        ("call", "text"),
        ("answer", "text"),
        ("settlement", "text"),
        ("keep", "boolean"),
    ],
    keys: 2,
    how: How::Insert { conflict: "" },
};

static WATCHES: Bulk = Bulk {
    table: "watches",
    columns: &[("target", "bigint"), ("run", "bigint"), ("seq", "bigint")],
    keys: 1,
    how: How::Insert { conflict: "" },
};

/// A call settles.
static SETTLED: Bulk = Bulk {
    table: "journal",
    columns: &[
        ("run", "bigint"),
        ("seq", "bigint"),
        ("settled_at", "bigint"),
        ("settlement", "text"),
        ("keep", "boolean"),
    ],
    keys: 2,
    how: How::Update { but: "", given: 0 },
};

/// A run is to be woken when a call settles.
static AWAITED: Bulk = Bulk {
    table: "journal",
    columns: &[("run", "bigint"), ("seq", "bigint"), ("awaited", "bigint")],
    keys: 2,
    how: How::Update { but: "", given: 0 },
};

/// No call watches the end of a run any more.
static UNWATCHED: Bulk = Bulk {
    table: "watches",
    columns: &[("target", "bigint")],
    keys: 1,
    how: How::Delete,
};

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

fn kept_entry(row: &Row) -> Pg<Stored<Entry>> {
    let identity = row.get(6)?;
    Ok(entry(row)?.map(|entry| Entry { identity, ..entry }))
}

/// `target`: the run whose end settles it.
pub(crate) async fn add_entry(tx: &Tx, it: &AddEntry<'_>, target: Option<RunKey>) -> Pg<()> {
    let entry = it.entry;
    let settled = it.settled.as_ref();
    let call = texts::put(tx, it.run, &entry.call).await?;
    let answer = texts::put(tx, it.run, &entry.answer).await?;
    let settlement = match settled {
        Some((_, settlement)) => Some(texts::put(tx, it.run, &**settlement).await?),
        None => None,
    };
    tx.bulk(
        &ENTRIES,
        params![
            it.run,
            entry.seq,
            entry.at,
            it.due,
            settled.map(|(at, _)| *at),
            AsJson(&*call),
            AsJson(&*answer),
            settlement.as_deref().map(AsJson),
            it.keep
        ],
    );
    if let Some(target) = target {
        tx.known(|known| known.watched(target));
        tx.bulk(&WATCHES, params![target, it.run, entry.seq]);
    }
    if matches!(entry.answer, Answer::Input { .. }) {
        inputs::add(tx, it.run, entry.seq, settled.is_none()).await?;
    }
    Ok(())
}

pub(crate) async fn settle(
    tx: &Tx,
    run: RunKey,
    seq: Seq,
    at: Timestamp,
    settlement: &Settlement,
    keep: bool,
) -> Pg<()> {
    tx.known(|known| known.settled(run, seq));
    let in_row = texts::put(tx, run, settlement).await?;
    tx.bulk(&SETTLED, params![run, seq, at, AsJson(&*in_row), keep]);
    if let Settlement::Input(outcome) = settlement {
        inputs::settled(tx, run, seq, outcome).await?;
    }
    Ok(())
}

pub(crate) fn forget_watchers(tx: &Tx, target: RunKey) {
    tx.bulk(&UNWATCHED, params![target]);
}

/// The run is to be woken when these settle.
pub(crate) fn mark_awaited(tx: &Tx, run: RunKey, calls: &[Seq], epoch: u64) {
    tx.known(|known| known.awaits(run));
    for seq in calls {
        tx.bulk(&AWAITED, params![run, seq, epoch]);
    }
}

/// The calls of a journal, in order, with their marks.
pub(crate) async fn called(tx: &Tx, run: RunKey) -> Pg<Vec<Called>> {
    texts::all(
        tx,
        "SELECT seq, call, keep FROM journal WHERE run = $1 ORDER BY seq",
        params![run],
        |row| {
            Ok(Stored::new(Called {
                seq: row.get(0)?,
                call: row.get::<AsJson<Call>>(1)?.0,
                keep: row.get(2)?,
            }))
        },
    )
    .await
}

/// Sets these calls aside for the next attempt. What goes on meanwhile may have settled since an
/// earlier attempt kept it. Of calls with one answer, as of those that have started a run under one
/// key, the last is kept.
pub(crate) fn keep(tx: &Tx, run: RunKey, identities: &[(Seq, String)]) {
    let seqs: Vec<Seq> = identities.iter().map(|(seq, _)| *seq).collect();
    let names: Vec<&str> = identities.iter().map(|(_, name)| name.as_str()).collect();
    tx.run(
        "INSERT INTO journal_kept
             (run, seq, at, settled_at, call, answer, settlement, identity)
         SELECT run, seq, at, settled_at, call, answer, settlement, name FROM (
             SELECT DISTINCT ON (md5(j.answer)) j.*, i.name
             FROM unnest($2::bigint[], $3::text[]) i (seq, name)
             JOIN journal j ON j.run = $1 AND j.seq = i.seq
             ORDER BY md5(j.answer), j.seq DESC
         ) k ORDER BY seq
         ON CONFLICT (run, md5(answer)) DO UPDATE SET
             settled_at = excluded.settled_at, settlement = excluded.settlement,
             identity = excluded.identity",
        params![run, List(&seqs), List(&names)],
    );
}

pub(crate) fn forget_kept(tx: &Tx, run: RunKey) {
    tx.run("DELETE FROM journal_kept WHERE run = $1", params![run]);
}

/// Keeps what no other table knows of an attempt: its timers, and what it asked people for.
pub(crate) fn remember(tx: &Tx, run: RunKey, attempt: u32) {
    tx.run(
        r#"INSERT INTO past_calls (run, attempt, seq, at, settled_at, call)
         SELECT run, $2, seq, at, settled_at, call FROM journal
         WHERE run = $1 AND (call LIKE '{"timer":%' OR call LIKE '{"input":%')
         ON CONFLICT (run, attempt, seq) DO UPDATE SET
             at = excluded.at, settled_at = excluded.settled_at, call = excluded.call"#,
        params![run, attempt],
    );
}

/// A column of JSON; in place of values at these paths there are others where it is long, so that
/// many calls with large arguments are read as fast as many with small ones. The text is parsed only
/// where PostgreSQL can: it has no NUL.
macro_rules! without_values {
    ($column:literal, $replaced:expr) => {
        concat!(
            "CASE WHEN octet_length(",
            $column,
            ") > 4096 AND position('\\u0000' IN ",
            $column,
            ") = 0 THEN (",
            $replaced,
            ")::text ELSE ",
            $column,
            " END"
        )
    };
}

/// Sets a value of JSON, if there is one at the path.
macro_rules! set {
    ($json:expr, $path:literal, $value:literal) => {
        concat!(
            "jsonb_set(",
            $json,
            ", '",
            $path,
            "', '",
            $value,
            "', false)"
        )
    };
}

/// The calls of an attempt: of the latest one from its journal, of an earlier one what was
/// remembered.
pub(crate) async fn calls(conn: &impl Conn, run: RunId, attempt: u32) -> Pg<Vec<CallMade>> {
    let found: Option<(RunKey, u32)> = conn
        .first(
            "SELECT no, attempt FROM flow_runs WHERE id = $1",
            params![run],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    let Some((run, latest)) = found else {
        return Ok(Vec::new());
    };
    if attempt == latest {
        let sql = concat!(
            "SELECT seq, at, settled_at, ",
            without_values!(
                "call",
                set!(
                    set!(
                        set!("call::jsonb", "{task,arguments}", "[]"),
                        "{run-deployment,parameters}",
                        "null"
                    ),
                    "{subflow,parameters}",
                    "null"
                )
            ),
            ", ",
            without_values!(
                "answer",
                set!(
                    set!("answer::jsonb", "{run,run,outcome}", "null"),
                    "{input,schema}",
                    "null"
                )
            ),
            " FROM journal WHERE run = $1 ORDER BY seq"
        );
        conn.all(sql, params![run], call_made).await
    } else {
        let sql = "SELECT seq, at, settled_at, call, NULL::text FROM past_calls
             WHERE run = $1 AND attempt = $2 ORDER BY seq";
        conn.all(sql, params![run, attempt], call_made).await
    }
}

fn call_made(row: &Row) -> Pg<CallMade> {
    let answer = row.get::<Option<AsJson<Answer>>>(4)?;
    let call = Stored::new(CallMade {
        seq: row.get(0)?,
        at: row.get(1)?,
        settled: row.get(2)?,
        call: row.get::<AsJson<Call>>(3)?.0,
        answer: answer.map(|AsJson(answer)| answer),
    });
    Ok(call.without_texts())
}

/// Makes room for the next attempt.
pub(crate) fn empty(tx: &Tx, run: RunKey) {
    tx.run("DELETE FROM watches WHERE run = $1", params![run]);
    inputs::forget(tx, run);
    tx.run("DELETE FROM journal WHERE run = $1", params![run]);
}

/// Those of the calls that have not settled, in their order.
pub(crate) async fn open_among(tx: &Tx, run: RunKey, calls: &[Seq]) -> Pg<Vec<Seq>> {
    let open: Vec<Seq> = tx
        .all(
            "SELECT seq FROM journal WHERE run = $1 AND seq = ANY($2) AND settled_at IS NULL",
            params![run, List(calls)],
            |row| row.get(0),
        )
        .await?;
    let is_open = |seq: &&Seq| open.contains(seq);
    Ok(calls.iter().filter(is_open).copied().collect())
}

/// Whether the flow was told that it is cancelled.
pub(crate) async fn has_told_of_cancellation(tx: &Tx, run: RunKey) -> Pg<bool> {
    tx.any(
        r#"SELECT 1 FROM journal WHERE run = $1 AND call LIKE '{"cancelled":%'"#,
        params![run],
    )
    .await
}

pub(crate) async fn entries(conn: &impl Conn, run: RunId) -> Pg<Vec<Entry>> {
    texts::all(
        conn,
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal
         WHERE run = (SELECT no FROM flow_runs WHERE id = $1) ORDER BY seq",
        params![run],
        entry,
    )
    .await
}

pub(crate) async fn entries_after(
    conn: &impl Conn,
    run: RunId,
    after: Option<Seq>,
    count: u32,
) -> Pg<Vec<Entry>> {
    texts::all(
        conn,
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal
         WHERE run = (SELECT no FROM flow_runs WHERE id = $1) AND seq > coalesce($2, -1)
         ORDER BY seq LIMIT $3",
        params![run, after, count],
        entry,
    )
    .await
}

/// What earlier attempts have finished, in the order in which it was kept.
pub(crate) async fn kept(tx: &Tx, run: RunKey) -> Pg<Vec<Entry>> {
    texts::all(tx, select_kept!("$1"), params![run], kept_entry).await
}

pub(crate) async fn kept_of(conn: &impl Conn, run: RunId) -> Pg<Vec<Entry>> {
    texts::all(
        conn,
        select_kept!("(SELECT no FROM flow_runs WHERE id = $1)"),
        params![run],
        kept_entry,
    )
    .await
}

pub(crate) async fn settled(conn: &impl Conn, run: RunId, calls: &[Seq]) -> Pg<Vec<Settled>> {
    let run = need_run_no(conn, run).await?;
    texts::all(
        conn,
        "SELECT seq, settled_at, settlement FROM journal
         WHERE run = $1 AND seq = ANY($2) AND settled_at IS NOT NULL ORDER BY settled_at, seq",
        params![run, List(calls)],
        |row| {
            Ok(Stored::new(Settled {
                seq: row.get(0)?,
                at: row.get(1)?,
                settlement: row.get::<AsJson<Settlement>>(2)?.0,
            }))
        },
    )
    .await
}
