//! Answers the questions of a plan, and checks its needs.

use super::load::{by_key, head, read_open_call, select_head, subflow, watchers};
use super::rows::run_by_no;
use super::sql::{Conn, params};
use super::{journal, permits, pools, workers};
use crate::error::Pg;
use crate::tx::Tx;
use model::{PoolName, RunId, Seq};
use orchestrator::lifecycle::{Head, Need, OpenCall, Plan, Question, RunKey, Watched};
use store::{Missing, StoreError};

pub(crate) async fn need(tx: &Tx, need: &Need<'_>) -> Pg<()> {
    match need {
        Need::Pool(pool) => pools::stays(tx, pool).await,
        Need::Worker(worker) => workers::need(tx, *worker).await,
        Need::FreeKey { flow, key } => match by_key(tx, flow, key).await? {
            None => Ok(()),
            Some(earlier) => Err(StoreError::KeyTaken {
                key: (*key).to_owned(),
                run: earlier.id,
            }
            .into()),
        },
    }
}

pub(crate) async fn answer<'p>(tx: &Tx, question: Question<'p>) -> Pg<Plan<'p>> {
    Ok(match question {
        Question::Cleaning(it) => {
            let is_told = journal::has_told_of_cancellation(tx, it.run()).await?;
            it.answered(is_told)?
        }
        Question::Watching(it) => {
            let watched = watched(tx, it.target).await?;
            it.answered(watched)
        }
        Question::Settling(it) => {
            let call = open_call(tx, it.run, it.seq).await?;
            it.answered(call)
        }
        Question::EndingSubflow(it) => {
            let found = subflow(tx, it.subflow, it.within).await?;
            it.answered(found)?
        }
        Question::Waiting(it) => {
            let open = journal::open_among(tx, it.run, it.awaited()).await?;
            let is_permitted = !it.permits.is_empty()
                && !permits::permitted(tx, it.run, it.permits).await?.is_empty();
            it.answered(open, is_permitted)
        }
        Question::WatchersOf(it) => {
            let watchers = watchers(tx, it.run).await?;
            it.answered(watchers)
        }
        Question::OpenSubflows(it) => {
            let is_none = tx.known(|known| known.has_no_subflow(it.within));
            let open = if is_none {
                Vec::new()
            } else {
                open_subflows(tx, it.within).await?
            };
            it.answered(open)?
        }
        Question::SlotFreed(it) => {
            let is_limited = match tx.known(|known| known.is_limited(&it.pool)) {
                Some(known) => known,
                None => is_limited(tx, &it.pool).await?,
            };
            it.answered(is_limited)
        }
        Question::Replacing(it) => {
            let head = replaced(tx, it.run).await?;
            it.answered(head)
        }
        Question::Keeping(it) => {
            let kept = journal::kept(tx, it.run).await?;
            let called = journal::called(tx, it.run).await?;
            it.answered(kept, called)
        }
    })
}

/// Locked: it does not end before whoever asks watches it.
async fn watched(tx: &Tx, target: RunId) -> Pg<Watched> {
    let found: Option<(RunKey, Option<_>)> = tx
        .first(
            "SELECT no, ended FROM flow_runs WHERE id = $1 FOR UPDATE",
            params![target],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    let (key, ended) = found.ok_or(StoreError::NotFound(Missing::Run(target)))?;
    let ended = match ended {
        Some(at) => Some((at, run_by_no(tx, key).await?.snapshot())),
        None => None,
    };
    Ok(Watched { key, ended })
}

/// The run that may wait for the call is locked before it is looked at.
async fn open_call(tx: &Tx, run: RunKey, seq: Seq) -> Pg<Option<OpenCall>> {
    if let Some(known) = tx.known(|known| known.open_call(run, seq)) {
        return Ok(Some(known));
    }
    tx.query(
        "SELECT 1 FROM flow_runs WHERE no = $1 FOR UPDATE",
        params![run],
    )
    .await?;
    tx.first(
        "SELECT j.keep, j.awaited, r.state, r.epoch, r.wake_after
         FROM journal j JOIN flow_runs r ON r.no = j.run
         WHERE j.run = $1 AND j.seq = $2 AND j.settled_at IS NULL",
        params![run, seq],
        |row| read_open_call(row, 0),
    )
    .await
}

/// Locked: nobody retries it meanwhile.
async fn replaced(tx: &Tx, run: RunId) -> Pg<Option<Head>> {
    tx.first(
        select_head!("WHERE r.id = $1 FOR UPDATE OF r"),
        params![run],
        head,
    )
    .await
}

async fn open_subflows(tx: &Tx, within: RunId) -> Pg<Vec<Head>> {
    tx.all(
        select_head!(
            "JOIN flow_run_specs s ON s.no = r.no
             WHERE s.within = $1 AND r.ended IS NULL ORDER BY r.no FOR UPDATE OF r"
        ),
        params![within],
        head,
    )
    .await
}

async fn is_limited(conn: &impl Conn, pool: &PoolName) -> Pg<bool> {
    conn.any(
        "SELECT 1 FROM pools WHERE name = $1 AND run_limit IS NOT NULL
         UNION ALL SELECT 1 FROM work_queues WHERE pool = $1 AND run_limit IS NOT NULL",
        params![pool],
    )
    .await
}
