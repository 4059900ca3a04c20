//! Rows that are read in more than one place.

use std::time::Duration;

use super::columns::AsJson;
use super::sql::{Conn, Row, params};
use super::texts;
use crate::error::Pg;
use model::{Entry, FlowRun, Grants, Outcome, RunId, Settlement, State, Taking, Timestamp};
use orchestrator::lifecycle::{LineKey, RunKey};
use store::texts::Stored;
use store::{Missing, StoreError};

/// The columns that [`flow_run`] reads, with what is read for the two that may be large.
macro_rules! flow_run_columns {
    ($parameters:literal, $outcome:literal) => {
        concat!(
            "r.no, r.id, s.name, s.flow, s.deployment, s.component, r.pool, s.work_queue, \
             s.grants, ",
            $parameters,
            ", s.tags, s.parent, s.within, r.state, r.state_name, r.state_message, r.state_at, \
             r.attempt, r.epoch, s.created, s.scheduled, r.started, r.ended, ",
            $outcome,
            ", r.earlier, r.line, s.limits"
        )
    };
}
pub(crate) use flow_run_columns;

/// Selects what [`flow_run`] reads, and more columns after that, up to the `WHERE`.
macro_rules! select_flow_run {
    ($rest:literal) => {
        $crate::rows::select_flow_run!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $crate::rows::flow_run_columns!("s.parameters", "r.outcome"),
            $more,
            " FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no ",
            $rest
        )
    };
}
pub(crate) use select_flow_run;

pub(crate) fn flow_run(row: &Row) -> Pg<Stored<FlowRun>> {
    Ok(Stored::new(FlowRun {
        id: row.get(1)?,
        name: row.get(2)?,
        flow: row.get(3)?,
        deployment: row.get(4)?,
        component: row.get(5)?,
        pool: row.get(6)?,
        work_queue: row.get(7)?,
        priority: row.get::<LineKey>(25)?.priority(),
        limits: row
            .get::<Option<AsJson<Vec<Taking>>>>(26)?
            .map_or_else(Vec::new, |limits| limits.0),
        grants: row
            .get::<Option<AsJson<Grants>>>(8)?
            .map_or_else(Grants::default, |grants| grants.0),
        parameters: row.get(9)?,
        tags: row
            .get::<Option<AsJson<Vec<String>>>>(10)?
            .map_or_else(Vec::new, |tags| tags.0),
        parent: row.get(11)?,
        within: row.get(12)?,
        state: State {
            kind: row.get(13)?,
            name: row.get(14)?,
            message: row.get(15)?,
            at: row.get(16)?,
        },
        attempt: row.get(17)?,
        epoch: row.get(18)?,
        created: row.get(19)?,
        scheduled: row.get(20)?,
        started: row.get(21)?,
        ended: row.get(22)?,
        outcome: row
            .get::<Option<AsJson<Outcome>>>(23)?
            .map(|outcome| outcome.0),
        earlier: Duration::from_micros(row.get(24)?),
    }))
}

/// The run and its number, for those who go on to change it.
pub(crate) fn numbered_flow_run(row: &Row) -> Pg<Stored<(RunKey, FlowRun)>> {
    let no = row.get(0)?;
    Ok(flow_run(row)?.map(|run| (no, run)))
}

/// Reads `seq, call, answer, at, settled_at, settlement`.
pub(crate) fn entry(row: &Row) -> Pg<Stored<Entry>> {
    let settled = match row.get::<Option<Timestamp>>(4)? {
        Some(at) => Some((at, row.get::<AsJson<Settlement>>(5)?.0)),
        None => None,
    };
    Ok(Stored::new(Entry {
        seq: row.get(0)?,
        call: row.get::<AsJson<_>>(1)?.0,
        answer: row.get::<AsJson<_>>(2)?.0,
        at: row.get(3)?,
        settled,
        identity: None,
    }))
}

pub(crate) async fn run_by_no(conn: &impl Conn, no: RunKey) -> Pg<FlowRun> {
    let sql = select_flow_run!("WHERE r.no = $1");
    texts::need(conn, sql, params![no], flow_run).await
}

pub(crate) async fn run_no(conn: &impl Conn, id: RunId) -> Pg<Option<RunKey>> {
    conn.first(
        "SELECT no FROM flow_runs WHERE id = $1",
        params![id],
        |row| row.get(0),
    )
    .await
}

/// Errs if the run does not exist.
pub(crate) async fn need_run_no(conn: &impl Conn, id: RunId) -> Pg<RunKey> {
    let found = run_no(conn, id).await?;
    found.ok_or_else(|| StoreError::NotFound(Missing::Run(id)).into())
}

/// The run whose journal holds the calls of this one, and whether it is the run itself.
pub(crate) async fn journal_of(conn: &impl Conn, id: RunId) -> Pg<Option<(RunKey, bool)>> {
    conn.first(
        "SELECT coalesce(root.no, r.no), root.no IS NULL
         FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no
         LEFT JOIN flow_runs root ON root.id = s.within WHERE r.id = $1",
        params![id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}
