//! Answers the questions of a plan, and checks its needs.

use rusqlite::Connection;

use super::load::{by_key, head, head_of, select_head, subflow};
use super::rows::{run_by_no, unsigned};
use super::sql::{Row, Sql, params};
use super::{journal, permits, pools, workers};
use model::{PoolName, RunId, Seq};
use orchestrator::lifecycle::{
    Head, Need, OpenCall, Plan, Question, RunKey, Waiter, Watched, Watcher, Watchers,
};
use store::{Missing, StoreError, StoreResult};

pub(super) fn need(conn: &Connection, need: &Need<'_>) -> StoreResult<()> {
    match need {
        Need::Pool(pool) => pools::need(conn, pool).map(|_| ()),
        Need::Worker(worker) => workers::need(conn, *worker),
        Need::FreeKey { flow, key } => match by_key(conn, flow, key)? {
            None => Ok(()),
            Some(earlier) => Err(StoreError::KeyTaken {
                key: (*key).to_owned(),
                run: earlier.id,
            }),
        },
    }
}

pub(super) fn answer<'p>(conn: &Connection, question: Question<'p>) -> StoreResult<Plan<'p>> {
    Ok(match question {
        Question::Cleaning(it) => {
            let is_told = journal::has_told_of_cancellation(conn, it.run())?;
            it.answered(is_told)?
        }
        Question::Watching(it) => {
            let watched = watched(conn, it.target)?;
            it.answered(watched)
        }
        Question::Settling(it) => {
            let call = open_call(conn, it.run, it.seq)?;
            it.answered(call)
        }
        Question::EndingSubflow(it) => {
            let found = subflow(conn, it.subflow, it.within)?;
            it.answered(found)?
        }
        Question::Waiting(it) => {
            let open = journal::open_among(conn, it.run, it.awaited())?;
            let is_permitted =
                !it.permits.is_empty() && !permits::permitted(conn, it.run, it.permits)?.is_empty();
            it.answered(open, is_permitted)
        }
        Question::WatchersOf(it) => {
            let watchers = watchers(conn, it.run)?;
            it.answered(watchers)
        }
        Question::OpenSubflows(it) => {
            let open = open_subflows(conn, it.within)?;
            it.answered(open)?
        }
        Question::SlotFreed(it) => {
            let is_limited = is_limited(conn, &it.pool)?;
            it.answered(is_limited)
        }
        Question::Replacing(it) => {
            let head = head_of(conn, it.run)?;
            it.answered(head)
        }
        Question::Keeping(it) => {
            let kept = journal::kept(conn, it.run)?;
            let called = journal::called(conn, it.run)?;
            it.answered(kept, called)
        }
    })
}

fn watched(conn: &Connection, target: RunId) -> StoreResult<Watched> {
    let found: Option<(RunKey, Option<_>)> = conn.first(
        "SELECT no, ended FROM flow_runs WHERE id = ?1",
        [target],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (key, ended) = found.ok_or(StoreError::NotFound(Missing::Run(target)))?;
    let ended = match ended {
        Some(at) => Some((at, run_by_no(conn, key)?.snapshot())),
        None => None,
    };
    Ok(Watched { key, ended })
}

/// The run's row is read only for a call that it has waited for.
fn open_call(conn: &Connection, run: RunKey, seq: Seq) -> StoreResult<Option<OpenCall>> {
    conn.first(
        "SELECT j.keep, j.awaited, r.state, r.epoch, r.wake_after
         FROM journal j LEFT JOIN flow_runs r ON j.awaited IS NOT NULL AND r.no = j.run
         WHERE j.run = ?1 AND j.seq = ?2 AND j.settled_at IS NULL",
        params![run, seq],
        |row| read_open_call(row, 0),
    )
}

/// Reads `keep, awaited, state, epoch, wake_after` from this column on.
fn read_open_call(row: &Row<'_>, from: usize) -> rusqlite::Result<OpenCall> {
    let awaited: Option<i64> = row.get(from + 1)?;
    let waiter = match awaited {
        Some(_) => Some(Waiter {
            state: row.get(from + 2)?,
            epoch: unsigned(row, from + 3)?,
            missing: row.get::<_, Option<i64>>(from + 4)?.map(i64::cast_unsigned),
        }),
        None => None,
    };
    Ok(OpenCall {
        keep: row.get(from)?,
        awaited: awaited.map(i64::cast_unsigned),
        waiter,
    })
}

fn watchers(conn: &Connection, target: RunKey) -> StoreResult<Option<Watchers>> {
    let calls = conn.all(
        "SELECT w.run, w.seq, j.run, j.keep, j.awaited, r.state, r.epoch, r.wake_after
         FROM watches w
         LEFT JOIN journal j ON j.run = w.run AND j.seq = w.seq AND j.settled_at IS NULL
         LEFT JOIN flow_runs r ON j.awaited IS NOT NULL AND r.no = j.run
         WHERE w.target = ?1 ORDER BY w.run, w.seq",
        [target],
        |row| {
            let is_open = row.get::<_, Option<RunKey>>(2)?.is_some();
            Ok(Watcher {
                run: row.get(0)?,
                seq: row.get(1)?,
                call: if is_open {
                    Some(read_open_call(row, 3)?)
                } else {
                    None
                },
            })
        },
    )?;
    if calls.is_empty() {
        return Ok(None);
    }
    conn.need(
        "SELECT name, flow, deployment FROM flow_run_specs WHERE no = ?1",
        [target],
        |row| {
            Ok(Some(Watchers {
                name: row.get(0)?,
                flow: row.get(1)?,
                deployment: row.get(2)?,
                calls,
            }))
        },
    )
}

fn open_subflows(conn: &Connection, within: RunId) -> StoreResult<Vec<Head>> {
    conn.all(
        select_head!(
            "JOIN flow_run_specs s ON s.no = r.no
             WHERE s.within = ?1 AND r.ended IS NULL"
        ),
        [within],
        head,
    )
}

fn is_limited(conn: &Connection, pool: &PoolName) -> StoreResult<bool> {
    conn.any(
        "SELECT 1 FROM pools WHERE name = ?1 AND run_limit IS NOT NULL
         UNION ALL
         SELECT 1 FROM work_queues WHERE pool = ?1 AND run_limit IS NOT NULL",
        [pool],
    )
}
