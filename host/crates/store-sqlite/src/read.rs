//! Reads for commands and pages.

use rusqlite::Connection;

use super::rows::{flow_run, numbered_flow_run, select_flow_run, unsigned};
use super::sql::{Sql, params};
use model::{FlowRun, IdPrefix, RunId, RunName, State, StateType};
use orchestrator::lifecycle::RunKey;
use store::StoreResult;

pub(super) fn flow_run_by_id(conn: &Connection, id: RunId) -> StoreResult<Option<FlowRun>> {
    conn.first(select_flow_run!("WHERE r.id = ?1"), [id], flow_run)
}

pub(super) fn find_runs(
    conn: &Connection,
    text: &IdPrefix,
    count: u32,
) -> StoreResult<Vec<FlowRun>> {
    let mut found: Vec<(RunKey, FlowRun)> = Vec::new();
    if let Some((low, high)) = text.bounds() {
        found = conn.all(
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
        found.extend(conn.all(
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

pub(super) fn history(conn: &Connection, run: RunId) -> StoreResult<Vec<State>> {
    conn.all(
        "SELECT state, name, message, at FROM flow_run_states
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY n",
        [run],
        |row| {
            Ok(State {
                kind: row.get(0)?,
                name: row.get(1)?,
                message: row.get(2)?,
                at: row.get(3)?,
            })
        },
    )
}
