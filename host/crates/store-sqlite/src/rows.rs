//! Rows that are read in more than one place.

use std::time::Duration;

use rusqlite::Connection;

use super::columns::AsJson;
use super::sql::{Row, Sql, params};
use super::texts;
use model::{Entry, FlowRun, Grants, Outcome, RunId, Settlement, State, Taking, Timestamp};
use orchestrator::lifecycle::{LineKey, RunKey};
use store::texts::Stored;
use store::{Missing, StoreError, StoreResult};

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
pub(super) use flow_run_columns;

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
pub(super) use select_flow_run;

pub(super) fn flow_run(row: &Row<'_>) -> rusqlite::Result<Stored<FlowRun>> {
    Ok(Stored::new(FlowRun {
        id: row.get(1)?,
        name: row.get(2)?,
        flow: row.get(3)?,
        deployment: row.get(4)?,
        component: row.get(5)?,
        pool: row.get(6)?,
        work_queue: row.get(7)?,
        priority: row.get::<_, LineKey>(25)?.priority(),
        limits: row
            .get::<_, Option<AsJson<Vec<Taking>>>>(26)?
            .map_or_else(Vec::new, |limits| limits.0),
        grants: row
            .get::<_, Option<AsJson<Grants>>>(8)?
            .map_or_else(Grants::default, |grants| grants.0),
        parameters: row.get(9)?,
        tags: row
            .get::<_, Option<AsJson<Vec<String>>>>(10)?
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
        epoch: unsigned(row, 18)?,
        created: row.get(19)?,
        scheduled: row.get(20)?,
        started: row.get(21)?,
        ended: row.get(22)?,
        outcome: row
            .get::<_, Option<AsJson<Outcome>>>(23)?
            .map(|outcome| outcome.0),
        earlier: Duration::from_micros(unsigned(row, 24)?),
    }))
}

/// The run and its number, for those who go on to change it.
pub(super) fn numbered_flow_run(row: &Row<'_>) -> rusqlite::Result<Stored<(RunKey, FlowRun)>> {
    let no = row.get(0)?;
    Ok(flow_run(row)?.map(|run| (no, run)))
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// Reads `seq, call, answer, at, settled_at, settlement`.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Stored<Entry>> {
    let settled = match row.get::<_, Option<Timestamp>>(4)? {
        Some(at) => Some((at, row.get::<_, AsJson<Settlement>>(5)?.0)),
        None => None,
    };
    Ok(Stored::new(Entry {
        seq: row.get(0)?,
        call: row.get::<_, AsJson<_>>(1)?.0,
        answer: row.get::<_, AsJson<_>>(2)?.0,
        at: row.get(3)?,
        settled,
        identity: None,
    }))
}

pub(super) fn run_by_no(conn: &Connection, no: RunKey) -> StoreResult<FlowRun> {
    texts::need(conn, select_flow_run!("WHERE r.no = ?1"), [no], flow_run)
}

pub(super) fn run_no(conn: &Connection, id: RunId) -> StoreResult<Option<RunKey>> {
    conn.first(
        "SELECT no FROM flow_runs WHERE id = ?1",
        params![id],
        |row| row.get(0),
    )
}

/// Errs if the run does not exist.
pub(super) fn need_run_no(conn: &Connection, id: RunId) -> StoreResult<RunKey> {
    run_no(conn, id)?.ok_or(StoreError::NotFound(Missing::Run(id)))
}

/// The run whose journal holds the calls of this one, and whether it is the run itself.
pub(super) fn journal_of(conn: &Connection, id: RunId) -> StoreResult<Option<(RunKey, bool)>> {
    let Some(no) = run_no(conn, id)? else {
        return Ok(None);
    };
    let within: Option<RunId> = conn.need(
        "SELECT within FROM flow_run_specs WHERE no = ?1",
        [no],
        |row| row.get(0),
    )?;
    match within {
        Some(root) => Ok(Some((need_run_no(conn, root)?, false))),
        None => Ok(Some((no, true))),
    }
}
