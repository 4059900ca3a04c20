//! Task runs that a filter lets through.

use rusqlite::Connection;

use super::filter::{only_among, only_text, texts};
use super::page::{self, Part, Patience};
use super::source::{Source, walk};
use crate::columns::{AsJson, ToColumn};
use crate::query::Query;
use crate::rows::journal_of;
use crate::sql::{Row, Sql};
use model::{RunId, StateType, TaskRun, TaskRunId, Timestamp};
use store::{Cursor, Page, PageRequest, StateFilter, StoreResult, TaskRunFilter};

macro_rules! select_task_run {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.flow_run, r.id, t.seq, t.task, t.name, t.tags, t.attempt, t.history, \
             t.retry_at, t.no, t.worker FROM task_runs t CROSS JOIN flow_runs r ON r.no = t.journal ",
            $rest
        )
    };
}

fn task_run(row: &Row<'_>) -> rusqlite::Result<TaskRun> {
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
        worker: row.get(11)?,
    })
}

pub(crate) fn task_runs(
    conn: &Connection,
    patience: Patience,
    filter: &TaskRunFilter,
    request: &PageRequest,
) -> StoreResult<Page<TaskRun>> {
    let print = filter.fingerprint();
    let part = Part::of(request, print)?;
    let Around {
        source,
        subflow,
        newest,
    } = around(conn, filter.flow_run)?;
    let found = page::look(conn, patience, &part, &source, |which, limit| {
        if which.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Query::new(select_task_run!(""));
        which.restrict(&mut query, "t.no");
        restrict(&mut query, filter, subflow);
        query.page(conn, "t.no", part.order, limit, |row| {
            Ok((row.get(10)?, task_run(row)?))
        })
    })?;
    Ok(Page {
        searched_to: searched_to(conn, found.next)?,
        next: found.cursor(print),
        items: found.items.into_iter().map(|(_, run)| run).collect(),
        newest: Cursor::new(print, newest),
    })
}

/// Where the task runs of a flow run are, or of all.
struct Around {
    source: Source,
    /// Only those that this subflow has called.
    subflow: Option<RunId>,
    newest: i64,
}

fn around(conn: &Connection, flow_run: Option<RunId>) -> StoreResult<Around> {
    let Some(id) = flow_run else {
        let newest = conn.need("SELECT coalesce(max(no), 0) FROM task_runs", [], |row| {
            row.get(0)
        })?;
        return Ok(Around {
            source: Source::all(newest),
            subflow: None,
            newest,
        });
    };
    let Some((journal, is_root)) = journal_of(conn, id)? else {
        return Ok(Around {
            source: Source::These(Vec::new()),
            subflow: None,
            newest: 0,
        });
    };
    let newest = conn.need(
        "SELECT coalesce(max(no), 0) FROM task_runs WHERE journal = ?1",
        [journal],
        |row| row.get(0),
    )?;
    let index = walk!("task_runs", "journal = ?3", Some(Box::new(journal)));
    Ok(Around {
        source: Source::Indexes(vec![index]),
        subflow: (!is_root).then_some(id),
        newest,
    })
}

fn restrict(query: &mut Query, filter: &TaskRunFilter, subflow: Option<RunId>) {
    if let Some(subflow) = subflow {
        query.only("t.flow_run = ?", subflow);
    }
    restrict_states(query, &filter.states);
    only_among(query, "t.task", &filter.tasks);
    if let Some(text) = &filter.text {
        only_text(query, "t.name", "t.id", text);
    }
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
    let values: [Box<dyn ToColumn>; 2] = [Box::new(AsJson(texts(&kinds))), Box::new(AsJson(names))];
    query.only_all(
        "(t.state IN (SELECT value FROM json_each(?))
          OR t.history ->> '$[#-1].name' IN (SELECT value FROM json_each(?)))",
        values,
    );
}

/// When the flow run was created that has the task run that was looked at last.
fn searched_to(conn: &Connection, next: Option<i64>) -> StoreResult<Option<Timestamp>> {
    let Some(place) = next else {
        return Ok(None);
    };
    conn.first(
        "SELECT s.created FROM task_runs t JOIN flow_run_specs s ON s.no = t.journal
         WHERE t.no <= ?1 ORDER BY t.no DESC LIMIT 1",
        [place],
        |row| row.get(0),
    )
}

pub(crate) fn task_runs_by_id(conn: &Connection, ids: &[TaskRunId]) -> StoreResult<Vec<TaskRun>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(conn.first(select_task_run!("WHERE t.id = ?1"), [*id], task_run)?);
    }
    Ok(found)
}

pub(crate) fn open_task_runs(conn: &Connection, id: RunId) -> StoreResult<Vec<TaskRun>> {
    let Some((journal, is_root)) = journal_of(conn, id)? else {
        return Ok(Vec::new());
    };
    let mut open = conn.all(
        select_task_run!(
            "WHERE t.journal = ?1 AND t.state NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')
             ORDER BY t.no"
        ),
        [journal],
        task_run,
    )?;
    if !is_root {
        open.retain(|task_run| task_run.flow_run == id);
    }
    Ok(open)
}
