//! Who waits for slots, and for whom, as [`deadlocked`](orchestrator::lifecycle::deadlocked) looks at
//! it.

use std::collections::HashMap;

use super::sql::{Conn, params};
use crate::error::Pg;
use model::{RunId, Seq};
use orchestrator::lifecycle::{GivenBack, LimitClaim, Standing, Suspended, SuspendedCall};

/// Runs that wait for slots, and those that wait for them.
const HELD_UP: &str = "WITH RECURSIVE held_up(no) AS (
         SELECT run FROM permits WHERE granted IS NULL
         UNION
         SELECT w.run FROM held_up h JOIN watches w ON w.target = h.no
     ) ";

/// Empty if nobody waits, or nobody does who has slots.
pub(crate) async fn standing(conn: &impl Conn) -> Pg<Standing> {
    let waits = conn.any(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM permits WHERE granted IS NULL) AND EXISTS (
             SELECT 1 FROM permits p JOIN flow_runs r ON r.no = p.run
             WHERE p.granted IS NOT NULL AND r.state = 'WAITING' AND r.worker IS NULL
         )",
        params![],
    );
    if !waits.await? {
        return Ok(Standing::default());
    }
    let claims = conn.all(
        "SELECT r.id, p.seq, p.limit_name, p.line, p.slots, p.asked, p.granted IS NOT NULL
         FROM permits p JOIN flow_runs r ON r.no = p.run
         WHERE r.ended IS NULL ORDER BY p.asked, p.run, p.seq",
        params![],
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
    );
    let claims: Vec<LimitClaim> = claims.await?;
    let there = conn.all(
        "SELECT name, slots, per IS NULL FROM limits",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    Ok(Standing {
        limits: Standing::limits_of(there.await?, &claims),
        claims,
        suspended: suspended(conn).await?,
    })
}

async fn suspended(conn: &impl Conn) -> Pg<Vec<Suspended>> {
    let targets = format!(
        "{HELD_UP} SELECT r.id, w.seq, t.id
         FROM held_up h JOIN watches w ON w.target = h.no
         JOIN flow_runs r ON r.no = w.run JOIN flow_runs t ON t.no = w.target"
    );
    let targets = conn.all(&targets, params![], |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
    });
    let targets: Vec<((RunId, Seq), RunId)> = targets.await?;
    let targets: HashMap<(RunId, Seq), RunId> = targets.into_iter().collect();
    let calls = format!(
        "{HELD_UP} SELECT r.id, coalesce(r.wake_after, 0)::bigint, r.ready_at IS NOT NULL, j.seq
         FROM held_up h JOIN flow_runs r ON r.no = h.no
         LEFT JOIN journal j ON j.run = r.no AND j.awaited = r.epoch AND j.settled_at IS NULL
         WHERE r.state = 'WAITING' AND r.worker IS NULL ORDER BY r.no, j.seq"
    );
    let calls = conn.all(&calls, params![], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    let calls: Vec<SuspendedCall> = calls.await?;
    Ok(Suspended::of(calls, |run, seq| {
        targets.get(&(run, seq)).copied()
    }))
}
