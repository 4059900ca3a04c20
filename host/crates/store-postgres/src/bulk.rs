//! Actions on many runs.

use super::columns::AsJson;
use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::tx::Tx;
use model::Timestamp;
use orchestrator::lifecycle::News;
use store::{
    BulkAction, BulkAsked, BulkClaim, BulkId, BulkLease, BulkNext, BulkProgress, BulkRecorded,
    BulkState,
};

/// Actions that are kept after their end.
const KEPT: i64 = 1_000;

macro_rules! select_action {
    ($rest:literal) => {
        concat!(
            "SELECT asked, state, progress, at, epoch FROM bulk_actions ",
            $rest
        )
    };
}

fn action(row: &Row) -> Pg<BulkAction> {
    Ok(BulkAction {
        asked: row.get::<AsJson<_>>(0)?.0,
        state: row.get(1)?,
        progress: row.get::<AsJson<_>>(2)?.0,
        at: row.get(3)?,
    })
}

pub(crate) fn add(tx: &Tx, asked: &BulkAsked) {
    tx.run(
        "INSERT INTO bulk_actions (id, asked, state, progress, at, epoch)
         VALUES ($1, $2, $3, $4, $5, 0)",
        params![
            asked.id,
            AsJson(asked),
            BulkState::Running,
            AsJson(BulkProgress::default()),
            asked.at
        ],
    );
    tx.run(
        "DELETE FROM bulk_actions WHERE state <> 'RUNNING' AND no <= (
             SELECT no FROM bulk_actions ORDER BY no DESC LIMIT 1 OFFSET $1
         )",
        params![KEPT],
    );
    tx.tell(News::CHANGE);
}

pub(crate) async fn get(conn: &impl Conn, id: BulkId) -> Pg<Option<BulkAction>> {
    conn.first(select_action!("WHERE id = $1"), params![id], action)
        .await
}

pub(crate) async fn list(conn: &impl Conn, count: u32) -> Pg<Vec<BulkAction>> {
    conn.all(
        select_action!("ORDER BY no DESC LIMIT $1"),
        params![count],
        action,
    )
    .await
}

/// Whether there is one to claim: asked of a reader, so that looking in vain costs no write.
pub(crate) async fn is_claimable(conn: &impl Conn, now: Timestamp) -> Pg<bool> {
    conn.any(
        "SELECT 1 FROM bulk_actions
         WHERE state = 'RUNNING' AND (lease_until IS NULL OR lease_until <= $1) LIMIT 1",
        params![now],
    )
    .await
}

pub(crate) async fn claim(tx: &Tx, now: Timestamp, until: Timestamp) -> Pg<Option<BulkClaim>> {
    let found: Option<(BulkAction, u64)> = tx
        .first(
            select_action!(
                "WHERE state = 'RUNNING' AND (lease_until IS NULL OR lease_until <= $1)
                 ORDER BY no LIMIT 1 FOR UPDATE SKIP LOCKED"
            ),
            params![now],
            |row| Ok((action(row)?, row.get(4)?)),
        )
        .await?;
    let Some((action, epoch)) = found else {
        return Ok(None);
    };
    let lease = BulkLease {
        id: action.asked.id,
        epoch: epoch + 1,
    };
    tx.run(
        "UPDATE bulk_actions SET epoch = $2, lease_until = $3 WHERE id = $1",
        params![lease.id, lease.epoch, until],
    );
    Ok(Some(BulkClaim { lease, action }))
}

pub(crate) async fn record(
    tx: &Tx,
    lease: BulkLease,
    progress: &BulkProgress,
    next: BulkNext,
) -> Pg<BulkRecorded> {
    let (state, now, until) = match next {
        BulkNext::GoOn { now, until } => (BulkState::Running, now, Some(until)),
        BulkNext::End { now } => (BulkState::Done, now, None),
    };
    let state: Option<BulkState> = tx
        .first(
            "UPDATE bulk_actions SET progress = $3, at = $4, lease_until = $5,
                 state = CASE WHEN state = 'RUNNING' THEN $6 ELSE state END
             WHERE id = $1 AND epoch = $2 RETURNING state",
            params![lease.id, lease.epoch, AsJson(progress), now, until, state],
            |row| row.get(0),
        )
        .await?;
    tx.tell(News::CHANGE);
    Ok(match state {
        None => BulkRecorded::Lost,
        Some(BulkState::Running) => BulkRecorded::GoOn,
        Some(BulkState::Stopped | BulkState::Done) => BulkRecorded::Over,
    })
}

pub(crate) async fn stop(tx: &Tx, id: BulkId, now: Timestamp) -> Pg<Option<BulkAction>> {
    tx.run(
        "UPDATE bulk_actions SET state = 'STOPPED', at = $2 WHERE id = $1 AND state = 'RUNNING'",
        params![id, now],
    );
    tx.tell(News::CHANGE);
    get(tx, id).await
}
