//! The log of actions, and answers that may be asked for again.

use std::time::Duration;

use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::tx::Tx;
use model::{AuditEntry, Timestamp};
use store::{AnswerKey, AuditCursor, AuditFilter, Begun, StoreError, StoredAnswer};

/// Lines that are kept: some 20 MB.
const LINES_MAX: i64 = 100_000;
/// How many lines more there may be before the oldest are dropped.
const LINES_OVER: i64 = 1_000;

pub(crate) async fn add(tx: &Tx, entry: &AuditEntry) -> Pg<()> {
    let newest: i64 = tx
        .need(
            "INSERT INTO audit (at, who, action, target, outcome, request)
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING no",
            params![
                entry.at,
                entry.who,
                entry.action,
                entry.target,
                entry.outcome,
                entry.request
            ],
            |row| row.get(0),
        )
        .await?;
    if newest % LINES_OVER == 0 {
        tx.run(
            "DELETE FROM audit WHERE no <= $1",
            params![newest - LINES_MAX],
        );
    }
    Ok(())
}

/// Lines of one person or kind are looked for among all: there are never many.
pub(crate) async fn list(
    conn: &impl Conn,
    filter: &AuditFilter,
) -> Pg<Vec<(AuditCursor, AuditEntry)>> {
    let count = match filter.count {
        0 => LINES_MAX + LINES_OVER,
        count => i64::from(count),
    };
    conn.all(
        "SELECT no, at, who, action, target, outcome, request FROM audit
         WHERE ($1::bigint IS NULL OR no < $1) AND ($2::text IS NULL OR who = $2)
           AND ($3::text IS NULL OR action = $3)
         ORDER BY no DESC LIMIT $4",
        params![
            filter.before.map(|AuditCursor(before)| before),
            filter.who,
            filter.action,
            count
        ],
        line,
    )
    .await
}

fn line(row: &Row) -> Pg<(AuditCursor, AuditEntry)> {
    let entry = AuditEntry {
        at: row.get(1)?,
        who: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        outcome: row.get(5)?,
        request: row.get(6)?,
    };
    Ok((AuditCursor(row.get(0)?), entry))
}

pub(crate) async fn begin(
    tx: &Tx,
    key: &AnswerKey,
    now: Timestamp,
    patience: Duration,
) -> Pg<Begun> {
    let fresh = tx
        .any(
            "INSERT INTO answers (token, key, fingerprint, begun) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING RETURNING 1",
            params![key.token, key.key, &key.fingerprint[..], now],
        )
        .await?;
    if fresh {
        return Ok(Begun::New);
    }
    let found = tx
        .need(
            "SELECT fingerprint, begun, status, headers, body FROM answers
             WHERE token = $1 AND key = $2 FOR UPDATE",
            params![key.token, key.key],
            |row| {
                let fingerprint: Vec<u8> = row.get(0)?;
                let status: Option<i64> = row.get(2)?;
                let (headers, body): (Option<String>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
                Ok((fingerprint, row.get(1)?, status, headers, body))
            },
        )
        .await?;
    let (fingerprint, begun, status, headers, body) = found;
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
        _ => {
            tx.run(
                "UPDATE answers SET begun = $3 WHERE token = $1 AND key = $2",
                params![key.token, key.key, now],
            );
            Ok(Begun::New)
        }
    }
}

pub(crate) fn keep(tx: &Tx, key: &AnswerKey, answer: Option<&StoredAnswer>) {
    match answer {
        Some(answer) => tx.run(
            "UPDATE answers SET status = $3, headers = $4, body = $5
             WHERE token = $1 AND key = $2",
            params![
                key.token,
                key.key,
                u64::from(answer.status),
                answer.headers,
                answer.body
            ],
        ),
        None => tx.run(
            "DELETE FROM answers WHERE token = $1 AND key = $2 AND status IS NULL",
            params![key.token, key.key],
        ),
    }
}
