//! Task runs that a filter lets through.

use super::query::Query;
use super::walk::{self, Part, Span};
use crate::columns::{AsJson, List};
use crate::error::Pg;
use crate::rows::journal_of;
use crate::sql::{Conn, Row, params};
use model::{RunId, StateType, TaskRun, TaskRunId};
use orchestrator::lifecycle::RunKey;
use store::{Cursor, Page, PageRequest, StateFilter, TaskRunFilter};

macro_rules! select_task_run {
    ($rest:literal) => {
        concat!(
            "SELECT t.no, t.id, t.flow_run, r.id, t.seq, t.task, t.name, t.tags, t.attempt, \
             t.history, t.retry_at, t.worker \
             FROM task_runs t JOIN flow_runs r ON r.no = t.journal ",
            $rest
        )
    };
}

fn task_run(row: &Row) -> Pg<TaskRun> {
    Ok(TaskRun {
        id: row.get(1)?,
        flow_run: row.get(2)?,
        journal: row.get(3)?,
        seq: row.get(4)?,
        task: row.get(5)?,
        name: row.get(6)?,
        tags: row
            .get::<Option<AsJson<Vec<String>>>>(7)?
            .map_or_else(Vec::new, |tags| tags.0),
        attempt: row.get(8)?,
        history: row.get::<AsJson<_>>(9)?.0,
        retry_at: row.get(10)?,
        worker: row.get(11)?,
    })
}

pub(crate) async fn task_runs(
    conn: &impl Conn,
    filter: &TaskRunFilter,
    request: &PageRequest,
) -> Pg<Page<TaskRun>> {
    let print = filter.fingerprint();
    let part = Part::of(request, print)?;
    let around = match filter.flow_run {
        None => None,
        Some(id) => match journal_of(conn, id).await? {
            Some((journal, is_root)) => Some((journal, (!is_root).then_some(id))),
            // There is no such run, and nothing of it.
            None => Some((RunKey(0), None)),
        },
    };
    let newest: i64 = conn
        .need(
            "SELECT coalesce(max(no), 0) FROM task_runs WHERE $1::bigint IS NULL OR journal = $1",
            params![around.map(|(journal, _)| journal)],
            |row| row.get(0),
        )
        .await?;
    let mut query = Query::new(select_task_run!(""));
    if let Some((journal, subflow)) = around {
        query.only("t.journal = ?", params![journal]);
        if let Some(subflow) = subflow {
            query.only("t.flow_run = ?", params![subflow]);
        }
    }
    restrict_states(&mut query, &filter.states);
    query.only_among("t.task", &filter.tasks);
    if let Some(text) = &filter.text {
        query.only_text("t.name", "t.id", text);
    }
    let span = Span {
        oldest: 1,
        newest,
        is_found_by_index: around.is_some(),
    };
    let found = walk::look(conn, &part, span, &query, "t.no", task_run).await?;
    let searched_to = match found.next {
        Some(place) => {
            conn.first(
                "SELECT s.created FROM task_runs t JOIN flow_run_specs s ON s.no = t.journal
                 WHERE t.no <= $1 ORDER BY t.no DESC LIMIT 1",
                params![place],
                |row| row.get(0),
            )
            .await?
        }
        None => None,
    };
    Ok(Page {
        searched_to,
        next: found.cursor(print),
        items: found.items.into_iter().map(|(_, run)| run).collect(),
        newest: Cursor::new(print, newest),
    })
}

fn restrict_states(query: &mut Query, states: &[StateFilter]) {
    if states.is_empty() {
        return;
    }
    let mut kinds: Vec<StateType> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for state in states {
        match state {
            StateFilter::Type(kind) => kinds.push(*kind),
            StateFilter::Name(name) => names.push(name.to_string()),
        }
    }
    query.only(
        "(t.state = ANY(?) OR t.history::json -> -1 ->> 'name' = ANY(?))",
        params![List(&kinds), List(&names)],
    );
}

pub(crate) async fn task_runs_by_id(conn: &impl Conn, ids: &[TaskRunId]) -> Pg<Vec<TaskRun>> {
    conn.all(
        select_task_run!(
            "JOIN unnest($1::uuid[]) WITH ORDINALITY i (id, place) ON i.id = t.id ORDER BY i.place"
        ),
        params![List(ids)],
        task_run,
    )
    .await
}

pub(crate) async fn open_task_runs(conn: &impl Conn, id: RunId) -> Pg<Vec<TaskRun>> {
    let Some((journal, is_root)) = journal_of(conn, id).await? else {
        return Ok(Vec::new());
    };
    let mut open = conn
        .all(
            select_task_run!(
                "WHERE t.journal = $1
                   AND t.state NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')
                 ORDER BY t.no"
            ),
            params![journal],
            task_run,
        )
        .await?;
    if !is_root {
        open.retain(|task_run| task_run.flow_run == id);
    }
    Ok(open)
}
