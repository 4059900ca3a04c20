//! Large JSON texts of runs, on their way into rows and out of them: see [`store::texts`].
//!
//! A text goes with the last run that holds it, whatever others do at that moment:
//!
//! ```text
//! recorder  locks the text, or adds it     adds its hold      commits
//! deleter   drops its holds, locks the texts      deletes those that nobody holds      commits
//! ```
//!
//! Whichever of the two is second waits for the first. A statement sees what was committed before it
//! began: the deleter, in its last one, every hold of those that it has waited for; the recorder that
//! the text is gone, and adds it again.

use std::borrow::Cow;
use std::collections::HashSet;

use super::columns::{List, Value};
use super::holds;
use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::tx::{Bulk, How, Tx};
use model::HoldsJson;
use orchestrator::lifecycle::RunKey;
use store::StoreError;
use store::texts::{Gone, Stored, TRIES_MAX, Text, TextDigest, Texts, TextsApart, split, unpack};

/// One that another has added meanwhile is locked. A text is noted once in a transaction, so that
/// no statement has it twice.
static TEXTS: Bulk = Bulk {
    table: "texts",
    columns: &[("digest", "bytea"), ("size", "bigint"), ("bytes", "bytea")],
    keys: 0,
    how: How::Insert {
        conflict: "ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest",
    },
};

static HOLDS: Bulk = Bulk {
    table: "run_texts",
    columns: &[("run", "bigint"), ("digest", "bytea")],
    keys: 0,
    how: How::Insert {
        conflict: "ON CONFLICT (run, digest) DO NOTHING",
    },
};

/// What a row of this run has in the place of a value. The texts that it leaves out are stored, and
/// held by the run, and so are the blobs that it refers to.
pub(crate) async fn put<'v, T: HoldsJson + Clone>(
    tx: &Tx,
    run: RunKey,
    value: &'v T,
) -> Pg<Cow<'v, T>>
where
    Cow<'v, T>: Send,
{
    holds::hold_those_in(tx, run, value);
    let split = split(value);
    if !split.apart.is_empty() {
        hold(tx, run, &split.apart).await?;
    }
    Ok(split.in_row)
}

/// The question sends what was noted before. So a statement never has more than the new texts of one
/// value, however many there are in a batch.
async fn hold(tx: &Tx, run: RunKey, texts: &[Text]) -> Pg<()> {
    let is_unknown = |text: &&Text| !tx.known(|known| known.has_text(text.digest));
    let unknown: Vec<&Text> = texts.iter().filter(is_unknown).collect();
    if !unknown.is_empty() {
        let digests: Vec<TextDigest> = unknown.iter().map(|text| text.digest).collect();
        let locked = tx.all(
            "SELECT digest FROM texts WHERE digest = ANY($1) ORDER BY digest FOR KEY SHARE",
            params![List(&digests)],
            |row| row.get(0),
        );
        let locked: HashSet<TextDigest> = locked.await?.into_iter().collect();
        for text in unknown {
            if !locked.contains(&text.digest) {
                let mut row = params![text.digest, text.size()];
                row.push(Value::Bytes(text.packed()));
                tx.bulk(&TEXTS, row);
            }
            tx.known(|known| known.learn_text(text.digest));
        }
    }
    for text in texts {
        tx.bulk(&HOLDS, params![run, text.digest]);
    }
    Ok(())
}

/// Each row, with its texts. If one is gone, so is the run by now: then the rows are read once more.
pub(crate) async fn all<T: HoldsJson + Send>(
    conn: &impl Conn,
    sql: &str,
    params: Vec<Value>,
    mut read: impl FnMut(&Row) -> Pg<Stored<T>> + Send,
) -> Pg<Vec<T>> {
    let mut texts = Texts::default();
    let mut tries = 0;
    loop {
        tries += 1;
        let rows = conn.all(sql, params.clone(), &mut read).await?;
        match filled(conn, rows, &mut texts).await? {
            Ok(found) => return Ok(found),
            Err(gone) if tries == TRIES_MAX => return Err(StoreError::from(gone).into()),
            Err(_) => {}
        }
    }
}

/// The first row, if there is one, with its texts.
pub(crate) async fn first<T: HoldsJson + Send>(
    conn: &impl Conn,
    sql: &str,
    params: Vec<Value>,
    read: impl FnMut(&Row) -> Pg<Stored<T>> + Send,
) -> Pg<Option<T>> {
    let found = all(conn, sql, params, read).await?;
    Ok(found.into_iter().next())
}

/// The only row, of a query that always has one, with its texts.
pub(crate) async fn need<T: HoldsJson + Send>(
    conn: &impl Conn,
    sql: &str,
    params: Vec<Value>,
    read: impl FnMut(&Row) -> Pg<Stored<T>> + Send,
) -> Pg<T> {
    let found = first(conn, sql, params, read).await?;
    found.ok_or_else(|| StoreError::Damaged("a row is missing".to_owned()).into())
}

/// Rows with their texts: those that are not known are read at once.
pub(crate) async fn filled<T: HoldsJson + Send>(
    conn: &impl Conn,
    rows: Vec<Stored<T>>,
    texts: &mut Texts,
) -> Pg<Result<Vec<T>, Gone>> {
    let mut wanted = Vec::new();
    for row in &rows {
        row.wanted(texts, &mut wanted);
    }
    if !wanted.is_empty() {
        wanted.sort_unstable();
        wanted.dedup();
        let found = conn.all(
            "SELECT digest, size, bytes FROM texts WHERE digest = ANY($1)",
            params![List(&wanted)],
            |row| {
                let digest = row.get(0)?;
                let bytes: Vec<u8> = row.get(2)?;
                Ok((digest, unpack(digest, row.get(1)?, &bytes)?))
            },
        );
        for (digest, text) in found.await? {
            texts.add(digest, text);
        }
    }
    Ok(rows.into_iter().map(|row| row.whole(texts)).collect())
}

/// Drops what these runs hold, with the texts that nobody else holds.
pub(crate) async fn let_go(tx: &Tx, runs: &[RunKey]) -> Pg<()> {
    let held: Vec<TextDigest> = tx
        .all(
            "DELETE FROM run_texts WHERE run = ANY($1) RETURNING digest",
            params![List(runs)],
            |row| row.get(0),
        )
        .await?;
    if !held.is_empty() {
        tx.run(
            "SELECT 1 FROM texts WHERE digest = ANY($1) ORDER BY digest FOR UPDATE",
            params![List(&held)],
        );
        tx.run(
            "DELETE FROM texts t WHERE digest = ANY($1)
                 AND NOT EXISTS (SELECT 1 FROM run_texts h WHERE h.digest = t.digest)",
            params![List(&held)],
        );
    }
    Ok(())
}

pub(crate) async fn count(conn: &impl Conn) -> Pg<TextsApart> {
    conn.need(
        "SELECT count(*), coalesce(sum(octet_length(bytes)), 0)::bigint FROM texts",
        params![],
        |row| {
            Ok(TextsApart {
                count: row.get(0)?,
                bytes: row.get(1)?,
            })
        },
    )
    .await
}
