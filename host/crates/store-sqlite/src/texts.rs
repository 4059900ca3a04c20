//! Large JSON texts of runs, on their way into rows and out of them: see [`store::texts`].

use std::borrow::Cow;

use rusqlite::Connection;

use super::holds;
use super::sql::{Params, Row, Sql, params};
use super::writer::Tx;
use model::HoldsJson;
use orchestrator::lifecycle::RunKey;
use store::StoreResult;
use store::texts::{Gone, Stored, TRIES_MAX, TextDigest, Texts, TextsApart, split, unpack};

/// What a row of this run has in the place of a value. The texts that it leaves out are stored, and
/// held by the run, and so are the blobs that it refers to.
pub(super) fn put<'v, T: HoldsJson + Clone>(
    tx: &Tx<'_>,
    run: RunKey,
    value: &'v T,
) -> StoreResult<Cow<'v, T>> {
    holds::hold_those_in(tx, run, value)?;
    let split = split(value);
    for text in &split.apart {
        let is_new = tx.run(
            "INSERT INTO run_texts (run, digest) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![run, text.digest],
        )? > 0;
        let is_there = !is_new
            || tx.any(
                "SELECT 1 FROM texts WHERE digest = ?1",
                params![text.digest],
            )?;
        if !is_there {
            tx.run(
                "INSERT INTO texts (digest, size, bytes) VALUES (?1, ?2, ?3)",
                params![text.digest, text.size(), text.packed()],
            )?;
        }
    }
    Ok(split.in_row)
}

/// Each row, with its texts.
pub(super) fn all<T: HoldsJson>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Stored<T>>,
) -> StoreResult<Vec<T>> {
    whole(conn, || conn.all(sql, &params, &mut read))
}

/// The first row, if there is one, with its texts.
pub(super) fn first<T: HoldsJson>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Stored<T>>,
) -> StoreResult<Option<T>> {
    let found = whole(conn, || {
        let found = conn.first(sql, &params, &mut read)?;
        Ok(found.into_iter().collect())
    });
    Ok(found?.pop())
}

/// The only row, of a query that always has one, with its texts.
pub(super) fn need<T: HoldsJson>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Stored<T>>,
) -> StoreResult<T> {
    match first(conn, sql, &params, &mut read)? {
        Some(found) => Ok(found),
        // Says what is wrong.
        None => conn.need(sql, &params, |_| Err(rusqlite::Error::QueryReturnedNoRows)),
    }
}

/// Reads rows and then their texts. If a text is gone, so is the run by now: then the rows are read
/// once more.
fn whole<T: HoldsJson>(
    conn: &Connection,
    mut rows: impl FnMut() -> StoreResult<Vec<Stored<T>>>,
) -> StoreResult<Vec<T>> {
    let mut texts = Texts::default();
    let mut tries = 0;
    loop {
        tries += 1;
        match filled(conn, rows()?, &mut texts)? {
            Ok(found) => return Ok(found),
            Err(gone) if tries == TRIES_MAX => return Err(gone.into()),
            Err(_) => {}
        }
    }
}

fn filled<T: HoldsJson>(
    conn: &Connection,
    rows: Vec<Stored<T>>,
    texts: &mut Texts,
) -> StoreResult<Result<Vec<T>, Gone>> {
    let mut wanted = Vec::new();
    for row in &rows {
        row.wanted(texts, &mut wanted);
        for digest in wanted.drain(..) {
            let found: Option<(i64, Vec<u8>)> = conn.first(
                "SELECT size, bytes FROM texts WHERE digest = ?1",
                [digest],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            if let Some((size, bytes)) = found {
                texts.add(digest, unpack(digest, size.cast_unsigned(), &bytes)?);
            }
        }
    }
    Ok(rows.into_iter().map(|row| row.whole(texts)).collect())
}

pub(super) fn count(conn: &Connection) -> StoreResult<TextsApart> {
    conn.need(
        "SELECT count(*), coalesce(sum(octet_length(bytes)), 0) FROM texts",
        [],
        |row| {
            Ok(TextsApart {
                count: row.get::<_, i64>(0)?.cast_unsigned(),
                bytes: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        },
    )
}

/// Rows of one text that count as one: its pages are given back one by one.
const BYTES_A_ROW: i64 = 16 << 10;

/// Drops holds of a run that is deleted, with the texts that nobody else holds, up to about so many
/// rows. How many it were.
pub(super) fn sweep(tx: &Tx<'_>, run: RunKey, rows: i64) -> StoreResult<i64> {
    let mut swept = 0;
    while swept < rows {
        let held: Option<(TextDigest, Option<i64>, bool)> = tx.first(
            "SELECT h.digest, octet_length(t.bytes),
                 EXISTS (SELECT 1 FROM run_texts o WHERE o.digest = h.digest AND o.run <> h.run)
             FROM run_texts h LEFT JOIN texts t ON t.digest = h.digest WHERE h.run = ?1 LIMIT 1",
            [run],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let Some((digest, bytes, is_held)) = held else {
            break;
        };
        tx.run(
            "DELETE FROM run_texts WHERE run = ?1 AND digest = ?2",
            params![run, digest],
        )?;
        swept += 1;
        if !is_held {
            tx.run("DELETE FROM texts WHERE digest = ?1", [digest])?;
            swept += 1 + bytes.unwrap_or(0) / BYTES_A_ROW;
        }
    }
    Ok(swept)
}
