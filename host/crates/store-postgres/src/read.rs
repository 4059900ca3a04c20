//! Reads for commands and pages.

use super::columns::{AsJson, List};
use super::rows::{flow_run, numbered_flow_run, select_flow_run};
use super::sql::{Conn, Row, params};
use super::texts;
use crate::error::Pg;
use model::{
    Failure, FlowRun, HistoryLine, IdPrefix, PastWorker, Relative, RunId, RunName, State,
    StateType, Waits, number_attempts,
};
use orchestrator::lifecycle::RunKey;

pub(crate) async fn flow_run_by_id(conn: &impl Conn, id: RunId) -> Pg<Option<FlowRun>> {
    let sql = select_flow_run!("WHERE r.id = $1");
    texts::first(conn, sql, params![id], flow_run).await
}

pub(crate) async fn find_runs(conn: &impl Conn, text: &IdPrefix, count: u32) -> Pg<Vec<FlowRun>> {
    let mut found: Vec<(RunKey, FlowRun)> = Vec::new();
    if let Some((low, high)) = text.bounds() {
        found = texts::all(
            conn,
            select_flow_run!("WHERE r.id BETWEEN $1 AND $2 ORDER BY r.id DESC LIMIT $3"),
            params![low, high, count],
            numbered_flow_run,
        )
        .await?;
        if low == high && !found.is_empty() {
            return Ok(found.into_iter().map(|(_, run)| run).collect());
        }
    }
    if let Ok(name) = RunName::new(text.0.as_str()) {
        found.extend(
            texts::all(
                conn,
                select_flow_run!("WHERE s.name = $1 ORDER BY s.no DESC LIMIT $2"),
                params![name, count],
                numbered_flow_run,
            )
            .await?,
        );
    }
    found.sort_by_key(|(no, _)| std::cmp::Reverse(*no));
    found.dedup_by_key(|(no, _)| *no);
    found.truncate(count as usize);
    Ok(found.into_iter().map(|(_, run)| run).collect())
}

pub(crate) async fn flow_runs_by_id(conn: &impl Conn, ids: &[RunId]) -> Pg<Vec<FlowRun>> {
    texts::all(
        conn,
        select_flow_run!(
            "JOIN unnest($1::uuid[]) WITH ORDINALITY i (id, place) ON i.id = r.id ORDER BY i.place"
        ),
        params![List(ids)],
        flow_run,
    )
    .await
}

pub(crate) async fn child_states(conn: &impl Conn, parent: RunId) -> Pg<Vec<(StateType, u64)>> {
    let mut states: Vec<(StateType, u64)> = conn
        .all(
            "SELECT r.state, count(*) FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
             WHERE s.parent = $1 GROUP BY r.state",
            params![parent],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    states.sort();
    Ok(states)
}

pub(crate) async fn history(conn: &impl Conn, run: RunId) -> Pg<Vec<HistoryLine>> {
    let mut lines = conn
        .all(
            "SELECT s.state, s.name, s.message, s.at, s.attempt, s.worker, w.name, s.cause, s.waits
             FROM flow_run_states s LEFT JOIN worker_names w ON w.id = s.worker
             WHERE s.run = (SELECT no FROM flow_runs WHERE id = $1) ORDER BY s.n",
            params![run],
            history_line,
        )
        .await?;
    number_attempts(&mut lines);
    Ok(lines)
}

/// The subflows within a run, and the runs that it or they started.
pub(crate) async fn relatives(conn: &impl Conn, run: RunId) -> Pg<Vec<Relative>> {
    conn.all(
        "SELECT r.id, s.name, s.flow, s.deployment, s.parent, s.within, r.state, r.state_name,
             r.state_message, r.state_at, s.created, r.started, r.ended
         FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
         WHERE s.no IN (
             SELECT no FROM flow_run_specs WHERE within = $1
             UNION SELECT no FROM flow_run_specs WHERE parent = $1
             UNION SELECT c.no FROM flow_run_specs w JOIN flow_runs wr ON wr.no = w.no
                 JOIN flow_run_specs c ON c.parent = wr.id WHERE w.within = $1
         ) ORDER BY s.no",
        params![run],
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
    .await
}

fn history_line(row: &Row) -> Pg<HistoryLine> {
    let worker = match row.get(5)? {
        Some(id) => Some(PastWorker {
            id,
            name: row.get(6)?,
        }),
        None => None,
    };
    let cause = row.get::<Option<AsJson<Failure>>>(7)?;
    let waits = row.get::<Option<AsJson<Waits>>>(8)?;
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
