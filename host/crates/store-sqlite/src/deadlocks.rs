//! Who waits for slots, and for whom, as [`deadlocked`](orchestrator::lifecycle::deadlocked) looks at
//! it.

use std::collections::HashMap;

use rusqlite::Connection;

use super::rows::unsigned;
use super::sql::Sql;
use model::{RunId, Seq};
use orchestrator::lifecycle::{GivenBack, LimitClaim, Standing, Suspended, SuspendedCall};
use store::StoreResult;

/// Runs that wait for slots, and those that wait for them.
const HELD_UP: &str = "WITH RECURSIVE held_up(no) AS (
         SELECT run FROM permits WHERE granted IS NULL
         UNION
         SELECT w.run FROM held_up h JOIN watches w ON w.target = h.no
     ) ";

/// Empty if nobody waits, or nobody does who has slots.
pub(super) fn standing(conn: &Connection) -> StoreResult<Standing> {
    let waits: bool = conn.need(
        "SELECT EXISTS (SELECT 1 FROM permits WHERE granted IS NULL) AND EXISTS (
             SELECT 1 FROM permits p JOIN flow_runs r ON r.no = p.run
             WHERE p.granted IS NOT NULL AND r.state = 'WAITING' AND r.worker IS NULL
         )",
        [],
        |row| row.get(0),
    )?;
    if !waits {
        return Ok(Standing::default());
    }
    let claims: Vec<LimitClaim> = conn.all(
        "SELECT r.id, p.seq, p.limit_name, p.line, p.slots, p.asked, p.granted IS NOT NULL
         FROM permits p JOIN flow_runs r ON r.no = p.run
         WHERE r.ended IS NULL ORDER BY p.asked, p.run, p.seq",
        [],
        |row| {
            Ok(LimitClaim {
                run: row.get(0)?,
                taker: GivenBack::taker(row.get(1)?),
                limit: row.get(2)?,
                line: row.get(3)?,
                slots: row.get(4)?,
                asked: row.get(5)?,
                is_granted: row.get(6)?,
            })
        },
    )?;
    let there = conn.all("SELECT name, slots, per IS NULL FROM limits", [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(Standing {
        limits: Standing::limits_of(there, &claims),
        claims,
        suspended: suspended(conn)?,
    })
}

fn suspended(conn: &Connection) -> StoreResult<Vec<Suspended>> {
    let targets: Vec<((RunId, Seq), RunId)> = conn.all(
        &format!(
            "{HELD_UP} SELECT r.id, w.seq, t.id
             FROM held_up h JOIN watches w ON w.target = h.no
             JOIN flow_runs r ON r.no = w.run JOIN flow_runs t ON t.no = w.target"
        ),
        [],
        |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
    )?;
    let targets: HashMap<(RunId, Seq), RunId> = targets.into_iter().collect();
    let calls: Vec<SuspendedCall> = conn.all(
        &format!(
            "{HELD_UP} SELECT r.id, coalesce(r.wake_after, 0), r.ready_at IS NOT NULL, j.seq
             FROM held_up h JOIN flow_runs r ON r.no = h.no
             LEFT JOIN journal j ON j.run = r.no AND j.awaited = r.epoch AND j.settled_at IS NULL
             WHERE r.state = 'WAITING' AND r.worker IS NULL ORDER BY r.no, j.seq"
        ),
        [],
        |row| Ok((row.get(0)?, unsigned(row, 1)?, row.get(2)?, row.get(3)?)),
    )?;
    Ok(Suspended::of(calls, |run, seq| {
        targets.get(&(run, seq)).copied()
    }))
}
