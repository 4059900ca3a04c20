//! The log of actions, and answers that may be asked for again.

use std::time::Duration;

use rusqlite::Connection;
use uuid::Uuid;

use super::query::Query;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{AuditEntry, Timestamp};
use store::{
    AnswerKey, AuditCursor, AuditFilter, Begun, Order, StoreError, StoreResult, StoredAnswer,
};

/// Lines that are kept: some 20 MB.
const LINES_MAX: i64 = 100_000;
/// How many lines more there may be before the oldest are dropped.
const LINES_OVER: i64 = 1_000;

pub(super) fn add(tx: &Tx<'_>, entry: &AuditEntry) -> StoreResult<()> {
    let request = entry.request.map(|id| id.as_bytes().to_vec());
    tx.run(
        "INSERT INTO audit (at, who, action, target, outcome, request)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            entry.at,
            entry.who,
            entry.action,
            entry.target,
            entry.outcome,
            request
        ],
    )?;
    let newest = tx.last_insert_rowid();
    if newest % LINES_OVER == 0 {
        tx.run("DELETE FROM audit WHERE no <= ?1", [newest - LINES_MAX])?;
    }
    Ok(())
}

/// Lines of one person or kind are looked for among all: there are never many.
pub(super) fn list(
    conn: &Connection,
    filter: &AuditFilter,
) -> StoreResult<Vec<(AuditCursor, AuditEntry)>> {
    let mut query = Query::new("SELECT no, at, who, action, target, outcome, request FROM audit");
    if let Some(AuditCursor(before)) = filter.before {
        query.only("no < ?", before);
    }
    if let Some(who) = &filter.who {
        query.only("who = ?", who.clone());
    }
    if let Some(action) = &filter.action {
        query.only("action = ?", action.clone());
    }
    let count = match filter.count {
        0 => usize::try_from(LINES_MAX + LINES_OVER).unwrap_or(usize::MAX),
        count => count as usize,
    };
    query.page(conn, "no", Order::NewestFirst, count, line)
}

fn line(row: &Row<'_>) -> rusqlite::Result<(AuditCursor, AuditEntry)> {
    let request: Option<Vec<u8>> = row.get(6)?;
    let entry = AuditEntry {
        at: row.get(1)?,
        who: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        outcome: row.get(5)?,
        request: request.and_then(|id| Uuid::from_slice(&id).ok()),
    };
    Ok((AuditCursor(row.get(0)?), entry))
}

pub(super) fn begin(
    tx: &Tx<'_>,
    key: &AnswerKey,
    now: Timestamp,
    patience: Duration,
) -> StoreResult<Begun> {
    let found = tx.first(
        "SELECT fingerprint, begun, status, headers, body FROM answers
         WHERE token = ?1 AND key = ?2",
        params![key.token, key.key],
        |row| {
            let fingerprint: Vec<u8> = row.get(0)?;
            let status: Option<i64> = row.get(2)?;
            let (headers, body): (Option<String>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
            Ok((fingerprint, row.get(1)?, status, headers, body))
        },
    )?;
    let Some((fingerprint, begun, status, headers, body)) = found else {
        return start(tx, key, now);
    };
    if fingerprint != key.fingerprint {
        return Ok(Begun::Other);
    }
    match (status, headers, body) {
        (Some(status), Some(headers), Some(body)) => Ok(Begun::Answered(StoredAnswer {
            status: u16::try_from(status)
                .map_err(|_| StoreError::Damaged(format!("{status} is no status of HTTP")))?,
            headers,
            body,
        })),
        _ if now.since(begun) < patience => Ok(Begun::Pending),
        _ => start(tx, key, now),
    }
}

fn start(tx: &Tx<'_>, key: &AnswerKey, now: Timestamp) -> StoreResult<Begun> {
    tx.run(
        "INSERT OR REPLACE INTO answers (token, key, fingerprint, begun) VALUES (?1, ?2, ?3, ?4)",
        params![key.token, key.key, &key.fingerprint[..], now],
    )?;
    Ok(Begun::New)
}

pub(super) fn keep(tx: &Tx<'_>, key: &AnswerKey, answer: Option<&StoredAnswer>) -> StoreResult<()> {
    match answer {
        Some(answer) => tx.run(
            "UPDATE answers SET status = ?3, headers = ?4, body = ?5
             WHERE token = ?1 AND key = ?2",
            params![
                key.token,
                key.key,
                u64::from(answer.status),
                answer.headers,
                answer.body
            ],
        )?,
        None => tx.run(
            "DELETE FROM answers WHERE token = ?1 AND key = ?2 AND status IS NULL",
            params![key.token, key.key],
        )?,
    };
    Ok(())
}
