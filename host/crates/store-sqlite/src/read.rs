//! What people and commands read.

use rusqlite::Connection;

use super::columns::{AsJson, ToColumn};
use super::rows::{
    RunNo, entry, flow_run, need_run_no, numbered_flow_run, run_no, select_flow_run, unsigned,
};
use super::sql::{Row, Sql, params};
use model::{
    Entry, FlowRun, IdPrefix, LogLine, LogSource, RunId, RunName, Seq, Settlement, State,
    StateType, TaskRun,
};
use store::{LogCursor, LogFilter, RunFilter, Settled, StoreResult, TaskRunFilter};

pub(super) fn flow_run_by_id(conn: &Connection, id: RunId) -> StoreResult<Option<FlowRun>> {
    conn.first(select_flow_run!("WHERE r.id = ?1"), [id], flow_run)
}

pub(super) fn find_runs(
    conn: &Connection,
    text: &IdPrefix,
    count: u32,
) -> StoreResult<Vec<FlowRun>> {
    let mut found: Vec<(RunNo, FlowRun)> = Vec::new();
    if let Some((low, high)) = text.bounds() {
        found = conn.all(
            select_flow_run!("WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id DESC LIMIT ?3"),
            params![RunId(low), RunId(high), count],
            numbered_flow_run,
        )?;
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

/// A query whose conditions depend on a filter.
struct Query {
    sql: String,
    params: Vec<Box<dyn ToColumn>>,
    glue: &'static str,
}

impl Query {
    fn new(select: &str) -> Self {
        Self {
            sql: select.to_owned(),
            params: Vec::new(),
            glue: "WHERE",
        }
    }

    /// `condition` has one `?`, for `value`.
    fn only(&mut self, condition: &str, value: impl ToColumn + 'static) {
        self.sql += &format!(" {} {condition}", self.glue);
        self.glue = "AND";
        self.params.push(Box::new(value));
    }

    fn only_states(&mut self, column: &str, states: &[StateType]) {
        if !states.is_empty() {
            let names: Vec<_> = states.iter().map(|state| state.as_str()).collect();
            self.only(
                &format!("{column} IN (SELECT value FROM json_each(?))"),
                AsJson(names),
            );
        }
    }

    fn all<T>(
        mut self,
        conn: &Connection,
        order: &str,
        count: u32,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>> {
        let limit = if count == 0 { -1 } else { i64::from(count) };
        self.sql += &format!(" ORDER BY {order} LIMIT {limit}");
        conn.all(&self.sql, self.params, read)
    }
}

pub(super) fn flow_runs(conn: &Connection, filter: &RunFilter) -> StoreResult<Vec<FlowRun>> {
    // What has not ended is little beside what has, and has an index of its own.
    let unfinished =
        !filter.states.is_empty() && !filter.states.iter().any(|state| state.is_terminal());
    let mut query = Query::new(select_flow_run!(""));
    if unfinished {
        query.sql += "WHERE r.no IN (SELECT no FROM flow_runs INDEXED BY flow_runs_unfinished \
                      WHERE ended IS NULL)";
        query.glue = "AND";
    }
    query.only_states("r.state", &filter.states);
    if let Some(flow) = &filter.flow {
        query.only("s.flow = ?", flow.clone());
    }
    if let Some(deployment) = &filter.deployment {
        query.only("s.deployment = ?", deployment.clone());
    }
    if let Some(pool) = &filter.pool {
        query.only("r.pool = ?", pool.clone());
    }
    if let Some(parent) = filter.parent {
        query.only("s.parent = ?", parent);
    }
    if let Some(tag) = &filter.tag {
        query.only(
            "EXISTS (SELECT 1 FROM json_each(s.tags) WHERE value = ?)",
            tag.clone(),
        );
    }
    // By the table that most conditions are on: then nothing needs to be sorted.
    query.all(conn, "s.no DESC", filter.count, flow_run)
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

pub(super) fn journal_len(conn: &Connection, run: RunId) -> StoreResult<u64> {
    Ok(conn
        .first(
            "SELECT journal_len FROM flow_runs WHERE id = ?1",
            [run],
            |row| unsigned(row, 0),
        )?
        .unwrap_or(0))
}

pub(super) fn journal(conn: &Connection, run: RunId) -> StoreResult<Vec<Entry>> {
    conn.all(
        "SELECT seq, call, answer, at, settled_at, settlement FROM journal
         WHERE run = (SELECT no FROM flow_runs WHERE id = ?1) ORDER BY seq",
        [run],
        entry,
    )
}

pub(super) fn settled(conn: &Connection, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Settled>> {
    let run = need_run_no(conn, run)?;
    let mut settled = Vec::new();
    for seq in calls {
        settled.extend(conn.first(
            "SELECT seq, settled_at, settlement FROM journal
             WHERE run = ?1 AND seq = ?2 AND settled_at IS NOT NULL",
            params![run, seq],
            |row| {
                Ok(Settled {
                    seq: row.get(0)?,
                    at: row.get(1)?,
                    settlement: row.get::<_, AsJson<Settlement>>(2)?.0,
                })
            },
        )?);
    }
    settled.sort_by_key(|settled| (settled.at, settled.seq));
    Ok(settled)
}

pub(super) fn task_runs(conn: &Connection, filter: &TaskRunFilter) -> StoreResult<Vec<TaskRun>> {
    let mut query = Query::new(
        "SELECT t.id, t.flow_run, r.id, t.seq, t.task, t.name, t.tags, t.attempt, t.history,
             t.retry_at
         FROM task_runs t JOIN flow_runs r ON r.no = t.journal",
    );
    if let Some(id) = filter.flow_run {
        let Some((root, is_root)) = journal_of(conn, id)? else {
            return Ok(Vec::new());
        };
        query.only("t.journal = ?", root);
        if !is_root {
            query.only("t.flow_run = ?", id);
        }
    }
    query.only_states("t.state", &filter.states);
    let mut task_runs = query.all(conn, "t.no DESC", filter.count, |row| {
        Ok(TaskRun {
            id: row.get(0)?,
            flow_run: row.get(1)?,
            journal: row.get(2)?,
            seq: row.get(3)?,
            task: row.get(4)?,
            name: row.get(5)?,
            tags: row
                .get::<_, Option<AsJson<Vec<String>>>>(6)?
                .map_or_else(Vec::new, |tags| tags.0),
            attempt: row.get(7)?,
            history: row.get::<_, AsJson<_>>(8)?.0,
            retry_at: row.get(9)?,
        })
    })?;
    task_runs.reverse();
    Ok(task_runs)
}

/// The run whose journal holds the calls of this one, and whether it is the run itself.
fn journal_of(conn: &Connection, id: RunId) -> StoreResult<Option<(RunNo, bool)>> {
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

pub(super) fn logs(
    conn: &Connection,
    filter: &LogFilter,
) -> StoreResult<Vec<(LogCursor, LogLine)>> {
    let mut runs: Vec<RunNo> = Vec::new();
    for id in &filter.runs {
        runs.extend(run_no(conn, *id)?);
        runs.append(&mut conn.all(
            "SELECT no FROM flow_run_specs WHERE within = ?1",
            [id],
            |row| row.get(0),
        )?);
    }
    let limit = if filter.count == 0 {
        -1
    } else {
        i64::from(filter.count)
    };
    conn.all(
        "SELECT l.no, r.id, l.source, l.task_run, l.at, l.level, l.target, l.message
         FROM logs l JOIN flow_runs r ON r.no = l.run
         WHERE l.run IN (SELECT value FROM json_each(?1)) AND l.no > ?2 AND l.level >= ?3
         ORDER BY l.no LIMIT ?4",
        params![AsJson(&runs), filter.after.0, filter.level_min, limit],
        log_line,
    )
}

fn log_line(row: &Row<'_>) -> rusqlite::Result<(LogCursor, LogLine)> {
    let source = match (row.get::<_, i64>(2)?, row.get(3)?) {
        (0, _) => LogSource::Flow,
        (1, Some(task_run)) => LogSource::Task(task_run),
        _ => LogSource::Host,
    };
    let line = LogLine {
        run: row.get(1)?,
        source,
        at: row.get(4)?,
        level: row.get(5)?,
        target: row.get(6)?,
        message: row.get(7)?,
    };
    Ok((LogCursor(row.get(0)?), line))
}
