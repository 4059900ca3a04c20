//! Actions on many runs.

use rusqlite::Connection;

use super::columns::AsJson;
use super::rows::unsigned;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::Timestamp;
use orchestrator::lifecycle::News;
use store::{
    BulkAction, BulkAsked, BulkClaim, BulkId, BulkLease, BulkNext, BulkProgress, BulkRecorded,
    BulkState, StoreResult,
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

fn action(row: &Row<'_>) -> rusqlite::Result<BulkAction> {
    Ok(BulkAction {
        asked: row.get::<_, AsJson<_>>(0)?.0,
        state: row.get(1)?,
        progress: row.get::<_, AsJson<_>>(2)?.0,
        at: row.get(3)?,
    })
}

pub(super) fn add(tx: &Tx<'_>, asked: &BulkAsked) -> StoreResult<()> {
    tx.run(
        "INSERT INTO bulk_actions (id, asked, state, progress, at, epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        params![
            asked.id,
            AsJson(asked),
            BulkState::Running,
            AsJson(BulkProgress::default()),
            asked.at
        ],
    )?;
    tx.run(
        "DELETE FROM bulk_actions WHERE state <> 'RUNNING' AND no <= (
             SELECT no FROM bulk_actions ORDER BY no DESC LIMIT 1 OFFSET ?1
         )",
        [KEPT],
    )?;
    tx.tell(News::CHANGE);
    Ok(())
}

pub(super) fn get(conn: &Connection, id: BulkId) -> StoreResult<Option<BulkAction>> {
    conn.first(select_action!("WHERE id = ?1"), [id], action)
}

pub(super) fn list(conn: &Connection, count: u32) -> StoreResult<Vec<BulkAction>> {
    conn.all(select_action!("ORDER BY no DESC LIMIT ?1"), [count], action)
}

/// Whether there is one to claim: asked of a reader, so that looking in vain costs no write.
pub(super) fn is_claimable(conn: &Connection, now: Timestamp) -> StoreResult<bool> {
    conn.any(
        "SELECT 1 FROM bulk_actions INDEXED BY bulk_actions_running
         WHERE state = 'RUNNING' AND (lease_until IS NULL OR lease_until <= ?1)",
        [now],
    )
}

pub(super) fn claim(
    tx: &Tx<'_>,
    now: Timestamp,
    until: Timestamp,
) -> StoreResult<Option<BulkClaim>> {
    let found = tx.first(
        select_action!(
            "INDEXED BY bulk_actions_running
             WHERE state = 'RUNNING' AND (lease_until IS NULL OR lease_until <= ?1)
             ORDER BY no LIMIT 1"
        ),
        [now],
        |row| Ok((action(row)?, unsigned(row, 4)?)),
    )?;
    let Some((action, epoch)) = found else {
        return Ok(None);
    };
    let lease = BulkLease {
        id: action.asked.id,
        epoch: epoch + 1,
    };
    tx.run(
        "UPDATE bulk_actions SET epoch = ?2, lease_until = ?3 WHERE id = ?1",
        params![lease.id, lease.epoch, until],
    )?;
    Ok(Some(BulkClaim { lease, action }))
}

pub(super) fn record(
    tx: &Tx<'_>,
    lease: BulkLease,
    progress: &BulkProgress,
    next: BulkNext,
) -> StoreResult<BulkRecorded> {
    let (state, now, until) = match next {
        BulkNext::GoOn { now, until } => (BulkState::Running, now, Some(until)),
        BulkNext::End { now } => (BulkState::Done, now, None),
    };
    let state: Option<BulkState> = tx.first(
        "UPDATE bulk_actions SET progress = ?3, at = ?4, lease_until = ?5,
             state = CASE WHEN state = 'RUNNING' THEN ?6 ELSE state END
         WHERE id = ?1 AND epoch = ?2 RETURNING state",
        params![lease.id, lease.epoch, AsJson(progress), now, until, state],
        |row| row.get(0),
    )?;
    tx.tell(News::CHANGE);
    Ok(match state {
        None => BulkRecorded::Lost,
        Some(BulkState::Running) => BulkRecorded::GoOn,
        Some(BulkState::Stopped | BulkState::Done) => BulkRecorded::Over,
    })
}

pub(super) fn stop(tx: &Tx<'_>, id: BulkId, now: Timestamp) -> StoreResult<Option<BulkAction>> {
    tx.run(
        "UPDATE bulk_actions SET state = 'STOPPED', at = ?2 WHERE id = ?1 AND state = 'RUNNING'",
        params![id, now],
    )?;
    tx.tell(News::CHANGE);
    get(tx, id)
}
