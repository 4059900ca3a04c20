//! Reads heads: what the decisions about a run need to know of it.

use rusqlite::Connection;

use super::rows::unsigned;
use super::sql::{Row, Sql, params};
use super::texts;
use model::{FlowName, FlowRun, RunId, State};
use orchestrator::lifecycle::{Candidate, Head, Losses, Reached, RunKey, Subject, Tally};
use store::{Missing, StoreError, StoreResult};

use super::rows::{flow_run, select_flow_run};

/// Selects what [`head`] reads, and more columns after that, up to the `WHERE`.
macro_rules! select_head {
    ($rest:literal) => {
        $crate::load::select_head!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT r.no, r.id, r.state, r.state_at, r.attempt, r.epoch, r.crashes, r.worker, \
             r.pool, r.origin, r.states, r.started, r.journal_len, r.logged, \
             r.lost_attempt, r.lost_steps, r.limited",
            $more,
            " FROM flow_runs r ",
            $rest
        )
    };
}
pub(super) use select_head;

pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        key: row.get(0)?,
        id: row.get(1)?,
        state: row.get(2)?,
        since: row.get(3)?,
        attempt: row.get(4)?,
        epoch: unsigned(row, 5)?,
        losses: Losses {
            count: row.get(6)?,
            at: Reached {
                attempt: row.get(14)?,
                steps: unsigned(row, 15)?,
            },
        },
        worker: row.get(7)?,
        pool: row.get(8)?,
        origin: row.get(9)?,
        is_limited: row.get(16)?,
        tally: Tally {
            states: unsigned(row, 10)?,
            started: row.get(11)?,
            journal_len: unsigned(row, 12)?,
            logged: unsigned(row, 13)?,
        },
    })
}

pub(super) fn head_of(conn: &Connection, id: RunId) -> StoreResult<Option<Head>> {
    conn.first(select_head!("WHERE r.id = ?1"), [id], head)
}

/// A subflow within that run.
pub(super) fn subflow(conn: &Connection, id: RunId, within: RunId) -> StoreResult<Option<Head>> {
    conn.first(
        select_head!(
            "JOIN flow_run_specs s ON s.no = r.no
             WHERE r.id = ?1 AND s.within = ?2"
        ),
        params![id, within],
        head,
    )
}

/// Errs if the run does not exist.
pub(super) fn subject(conn: &Connection, id: RunId) -> StoreResult<Subject> {
    let found = conn.first(
        select_head!(
            ", r.state_name, r.state_message, s.within, s.scheduled",
            "JOIN flow_run_specs s ON s.no = r.no WHERE r.id = ?1"
        ),
        [id],
        |row| {
            let head = head(row)?;
            Ok(Subject {
                state: State {
                    kind: head.state,
                    name: row.get(17)?,
                    message: row.get(18)?,
                    at: head.since,
                },
                head,
                within: row.get(19)?,
                scheduled: row.get(20)?,
            })
        },
    )?;
    found.ok_or(StoreError::NotFound(Missing::Run(id)))
}

/// A run that is to be claimed.
pub(super) fn candidate(conn: &Connection, key: RunKey) -> StoreResult<Candidate> {
    texts::need(
        conn,
        select_flow_run!(
            ", r.states, r.journal_len, r.logged, r.crashes, r.lost_attempt, r.lost_steps",
            "WHERE r.no = ?1"
        ),
        [key],
        |row| {
            let tally = Tally {
                states: unsigned(row, 27)?,
                started: row.get(21)?,
                journal_len: unsigned(row, 28)?,
                logged: unsigned(row, 29)?,
            };
            let losses = Losses {
                count: row.get(30)?,
                at: Reached {
                    attempt: row.get(31)?,
                    steps: unsigned(row, 32)?,
                },
            };
            Ok(flow_run(row)?.map(|run| Candidate {
                key,
                run,
                tally,
                losses,
            }))
        },
    )
}

/// The run of the flow that has this idempotency key.
pub(super) fn by_key(
    conn: &Connection,
    flow: &FlowName,
    key: &str,
) -> StoreResult<Option<FlowRun>> {
    texts::first(
        conn,
        select_flow_run!("WHERE s.flow = ?1 AND s.idempotency_key = ?2"),
        params![flow, key],
        flow_run,
    )
}
