//! Reads for commands and pages.

use rusqlite::Connection;

use super::columns::AsJson;
use super::rows::{flow_run, numbered_flow_run, select_flow_run, unsigned};
use super::sql::{Row, Sql, params};
use super::texts;
use model::{
    Failure, FlowRun, HistoryLine, IdPrefix, PastWorker, Relative, RunId, RunName, State,
    StateType, Waits, number_attempts,
};
use orchestrator::lifecycle::RunKey;
use store::StoreResult;

pub(super) fn flow_run_by_id(conn: &Connection, id: RunId) -> StoreResult<Option<FlowRun>> {
    texts::first(conn, select_flow_run!("WHERE r.id = ?1"), [id], flow_run)
}

pub(super) fn find_runs(
    conn: &Connection,
    text: &IdPrefix,
    count: u32,
) -> StoreResult<Vec<FlowRun>> {
    let mut found: Vec<(RunKey, FlowRun)> = Vec::new();
    if let Some((low, high)) = text.bounds() {
        found = texts::all(
            conn,
            select_flow_run!("WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id DESC LIMIT ?3"),
            params![RunId(low), RunId(high), count],
            numbered_flow_run,
        )?;
        // A whole id: there is no index on names, so nobody looks for one without need.
        if low == high && !found.is_empty() {
            return Ok(found.into_iter().map(|(_, run)| run).collect());
        }
    }
    if let Ok(name) = RunName::new(text.0.as_str()) {
        found.extend(texts::all(
            conn,
            select_flow_run!("WHERE s.name = ?1 ORDER BY s.no DESC LIMIT ?2"),
            params![name, count],
            numbered_flow_run,
        )?);
    }
    found.sort_by_key(|(no, _)| std::cmp::Reverse(*no));
    found.dedup_by_key(|(no, _)| *no);
    found.truncate(count as usize);
    Ok(found.into_iter().map(|(_, run)| run).collect())
}

pub(super) fn flow_runs_by_id(conn: &Connection, ids: &[RunId]) -> StoreResult<Vec<FlowRun>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(flow_run_by_id(conn, *id)?);
    }
    Ok(found)
}

pub(super) fn child_states(conn: &Connection, parent: RunId) -> StoreResult<Vec<(StateType, u64)>> {
    let mut states: Vec<(StateType, u64)> = conn.all(
        "SELECT r.state, count(*) FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
         WHERE s.parent = ?1 GROUP BY r.state",
        [parent],
        |row| Ok((row.get(0)?, unsigned(row, 1)?)),
    )?;
    states.sort();
    Ok(states)
}

pub(super) fn history(conn: &Connection, run: RunId) -> StoreResult<Vec<HistoryLine>> {
    let mut lines = conn.all(
        "SELECT s.state, s.name, s.message, s.at, s.attempt, s.worker, w.name, s.cause, s.waits
         FROM flow_run_states s LEFT JOIN worker_names w ON w.id = s.worker
         WHERE s.run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY s.n",
        [run],
        history_line,
    )?;
    number_attempts(&mut lines);
    Ok(lines)
}

/// The subflows within a run, and the runs that it or they started.
pub(super) fn relatives(conn: &Connection, run: RunId) -> StoreResult<Vec<Relative>> {
    conn.all(
        "SELECT r.id, s.name, s.flow, s.deployment, s.parent, s.within, r.state, r.state_name,
             r.state_message, r.state_at, s.created, r.started, r.ended
         FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
         WHERE s.no IN (
             SELECT no FROM flow_run_specs WHERE within = ?1
             UNION SELECT no FROM flow_run_specs WHERE parent = ?1
             UNION SELECT c.no FROM flow_run_specs w JOIN flow_runs wr ON wr.no = w.no
                 JOIN flow_run_specs c ON c.parent = wr.id WHERE w.within = ?1
         ) ORDER BY s.no",
        [run],
        |row| {
            Ok(Relative {
                id: row.get(0)?,
                name: row.get(1)?,
                flow: row.get(2)?,
                deployment: row.get(3)?,
                parent: row.get(4)?,
                within: row.get(5)?,
                state: State {
                    kind: row.get(6)?,
                    name: row.get(7)?,
                    message: row.get(8)?,
                    at: row.get(9)?,
                },
                created: row.get(10)?,
                started: row.get(11)?,
                ended: row.get(12)?,
            })
        },
    )
}

fn history_line(row: &Row<'_>) -> rusqlite::Result<HistoryLine> {
    let worker = match row.get(5)? {
        Some(id) => Some(PastWorker {
            id,
            name: row.get(6)?,
        }),
        None => None,
    };
    let cause = row.get::<_, Option<AsJson<Failure>>>(7)?;
    let waits = row.get::<_, Option<AsJson<Waits>>>(8)?;
    Ok(HistoryLine {
        state: State {
            kind: row.get(0)?,
            name: row.get(1)?,
            message: row.get(2)?,
            at: row.get(3)?,
        },
        attempt: row.get(4)?,
        worker,
        cause: cause.map(|AsJson(cause)| cause),
        waits: waits.map(|AsJson(waits)| waits),
    })
}
