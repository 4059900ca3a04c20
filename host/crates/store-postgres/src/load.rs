//! Reads heads: what the decisions about a run need to know of it. Whoever decides has the row of
//! the run to itself until its transaction ends.

use super::columns::List;
use super::rows::{flow_run, select_flow_run};
use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::known::Facts;
use crate::tx::Tx;
use model::{FlowName, FlowRun, RunId, State};
use orchestrator::lifecycle::{Candidate, Head, RunKey, Subject, Tally};
use store::{Missing, StoreError};

/// Selects what [`head`] reads, and more columns after that, up to the `WHERE`.
macro_rules! select_head {
    ($rest:literal) => {
        $crate::load::select_head!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT r.no, r.id, r.state, r.state_at, r.attempt, r.epoch, r.crashes, r.worker, \
             r.pool, r.origin, r.states, r.started, r.journal_len, r.logged",
            $more,
            " FROM flow_runs r ",
            $rest
        )
    };
}
pub(crate) use select_head;

pub(crate) fn head(row: &Row) -> Pg<Head> {
    Ok(Head {
        key: row.get(0)?,
        id: row.get(1)?,
        state: row.get(2)?,
        since: row.get(3)?,
        attempt: row.get(4)?,
        epoch: row.get(5)?,
        crashes: row.get(6)?,
        worker: row.get(7)?,
        pool: row.get(8)?,
        origin: row.get(9)?,
        tally: Tally {
            states: row.get(10)?,
            started: row.get(11)?,
            journal_len: row.get(12)?,
            logged: row.get(13)?,
        },
    })
}

pub(crate) async fn head_of(tx: &Tx, id: RunId) -> Pg<Option<Head>> {
    if let Some(head) = tx.known(|known| known.take_head(id)) {
        return Ok(Some(head));
    }
    learn(tx, &[id]).await?;
    Ok(tx.known(|known| known.take_head(id)))
}

/// Locks runs in the order of their numbers, and reads what decisions about most of them need. It is
/// read after the lock: what another transaction has changed that was waited for counts.
pub(crate) async fn learn(tx: &Tx, ids: &[RunId]) -> Pg<()> {
    let rows = tx
        .query_locked(
            "SELECT 1 FROM flow_runs WHERE id = ANY($1) ORDER BY no FOR UPDATE",
            params![List(ids)],
            select_head!(
                ", EXISTS (SELECT 1 FROM watches w WHERE w.target = r.no),
                 EXISTS (SELECT 1 FROM flow_run_specs s JOIN flow_runs i ON i.no = s.no
                     WHERE s.within = r.id AND i.ended IS NULL),
                 EXISTS (SELECT 1 FROM pools p WHERE p.name = r.pool AND p.run_limit IS NOT NULL)",
                "WHERE r.id = ANY($1)"
            ),
            params![List(ids)],
        )
        .await?;
    let read = |row: &Row| {
        let facts = Facts {
            is_watched: row.get(14)?,
            has_open_subflows: row.get(15)?,
        };
        Ok((head(row)?, facts, row.get::<bool>(16)?))
    };
    let found: Pg<Vec<_>> = rows.iter().map(read).collect();
    for (head, facts, is_limited) in found? {
        tx.known(|known| known.learn(head, facts, is_limited));
    }
    Ok(())
}

/// A subflow within that run.
pub(crate) async fn subflow(tx: &Tx, id: RunId, within: RunId) -> Pg<Option<Head>> {
    tx.first(
        select_head!(
            "JOIN flow_run_specs s ON s.no = r.no
             WHERE r.id = $1 AND s.within = $2 FOR UPDATE OF r"
        ),
        params![id, within],
        head,
    )
    .await
}

/// Selects a [`subject`], up to what comes after the id.
macro_rules! select_subject {
    ($rest:literal) => {
        select_head!(
            ", r.state_name, r.state_message, s.within, s.scheduled",
            $rest
        )
    };
}

fn read_subject(row: &Row) -> Pg<Subject> {
    let head = head(row)?;
    Ok(Subject {
        state: State {
            kind: head.state,
            name: row.get(14)?,
            message: row.get(15)?,
            at: head.since,
        },
        head,
        within: row.get(16)?,
        scheduled: row.get(17)?,
    })
}

/// To be changed. Errs if the run does not exist.
pub(crate) async fn subject(tx: &Tx, id: RunId) -> Pg<Subject> {
    let found = tx
        .first(
            select_subject!("JOIN flow_run_specs s ON s.no = r.no WHERE r.id = $1 FOR UPDATE OF r"),
            params![id],
            read_subject,
        )
        .await?;
    found.ok_or_else(|| StoreError::NotFound(Missing::Run(id)).into())
}

/// To be looked at. Errs if the run does not exist.
pub(crate) async fn seen(conn: &impl Conn, id: RunId) -> Pg<Subject> {
    let found = conn
        .first(
            select_subject!("JOIN flow_run_specs s ON s.no = r.no WHERE r.id = $1"),
            params![id],
            read_subject,
        )
        .await?;
    found.ok_or_else(|| StoreError::NotFound(Missing::Run(id)).into())
}

/// Runs that are to be claimed, and are locked already.
pub(crate) async fn candidates(tx: &Tx, keys: &[RunKey]) -> Pg<Vec<Candidate>> {
    tx.all(
        select_flow_run!(
            ", r.states, r.journal_len, r.logged",
            "JOIN unnest($1::bigint[]) WITH ORDINALITY k (no, place) ON k.no = r.no
             ORDER BY k.place"
        ),
        params![List(keys)],
        |row| {
            let run = flow_run(row)?;
            let tally = Tally {
                states: row.get(24)?,
                started: run.started,
                journal_len: row.get(25)?,
                logged: row.get(26)?,
            };
            Ok(Candidate {
                key: row.get(0)?,
                run,
                tally,
            })
        },
    )
    .await
}

/// The run of the flow that has this idempotency key.
pub(crate) async fn by_key(conn: &impl Conn, flow: &FlowName, key: &str) -> Pg<Option<FlowRun>> {
    conn.first(
        select_flow_run!("WHERE s.flow = $1 AND s.idempotency_key = $2"),
        params![flow, key],
        flow_run,
    )
    .await
}
