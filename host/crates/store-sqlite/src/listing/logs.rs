//! Log lines that a filter lets through.

use rusqlite::Connection;

use super::filter::part_of;
use super::page::{self, Part, Patience};
use super::source::{Source, walk};
use crate::columns::{AsJson, ToColumn};
use crate::query::Query;
use crate::rows::run_no;
use crate::sql::{Row, Sql};
use model::{LogLine, LogSource};
use store::{Count, Cursor, LogFilter, LogPlace, Page, PageRequest, StoreResult};

pub(crate) fn lines(
    conn: &Connection,
    patience: Patience,
    filter: &LogFilter,
    request: &PageRequest,
) -> StoreResult<Page<(LogPlace, LogLine)>> {
    let print = filter.fingerprint();
    let part = Part::of(request, print)?;
    let runs = runs_of(conn, filter)?;
    let newest = newest(conn, &runs)?;
    let source = source(conn, runs)?;
    let found = page::look(conn, patience, &part, &source, |which, limit| {
        if which.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Query::new(
            "SELECT l.no, r.id, l.source, l.task_run, l.at, l.level, l.target, l.message
             FROM logs l CROSS JOIN flow_runs r ON r.no = l.run",
        );
        which.restrict(&mut query, "l.no");
        restrict(&mut query, filter);
        query.page(conn, "l.no", part.order, limit, |row| {
            Ok((row.get(0)?, line(row)?))
        })
    })?;
    let searched_to = match found.next {
        Some(place) => conn.first("SELECT at FROM logs WHERE no = ?1", [place], |row| {
            row.get(0)
        })?,
        None => None,
    };
    let next = found.cursor(print);
    let items = found.items.into_iter();
    Ok(Page {
        items: items.map(|(no, line)| (LogPlace(no), line)).collect(),
        next,
        newest: Cursor::new(print, newest),
        searched_to,
    })
}

pub(crate) fn count_lines(
    conn: &Connection,
    patience: Patience,
    filter: &LogFilter,
    after: LogPlace,
    max: u64,
) -> StoreResult<Count> {
    let source = source(conn, runs_of(conn, filter)?)?;
    page::count(conn, patience, &source, after.0, max, |which, wanted| {
        if which.is_empty() {
            return Ok(0);
        }
        let mut query = Query::new("SELECT 1 FROM logs l");
        which.restrict(&mut query, "l.no");
        restrict(&mut query, filter);
        query.count(conn, wanted)
    })
}

/// The runs and the subflows within them, by their numbers.
fn runs_of(conn: &Connection, filter: &LogFilter) -> StoreResult<Vec<i64>> {
    let mut runs: Vec<i64> = Vec::new();
    for id in &filter.runs {
        runs.extend(run_no(conn, *id)?.map(|run| run.0));
        runs.append(&mut conn.all(
            "SELECT no FROM flow_run_specs WHERE within = ?1",
            [id],
            |row| row.get(0),
        )?);
    }
    Ok(runs)
}

/// More runs than that are not worth a walk each.
const WALKS_MAX: usize = 64;

fn source(conn: &Connection, runs: Vec<i64>) -> StoreResult<Source> {
    if runs.len() > WALKS_MAX {
        let numbers = conn.all(
            "SELECT no FROM logs WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY no",
            [AsJson(runs)],
            |row| row.get(0),
        )?;
        return Ok(Source::These(numbers));
    }
    let walk = |run| walk!("logs", "run = ?3", Some(Box::new(run)));
    Ok(Source::Indexes(runs.into_iter().map(walk).collect()))
}

fn newest(conn: &Connection, runs: &[i64]) -> StoreResult<i64> {
    let mut newest = 0;
    for run in runs {
        let last: i64 = conn.need(
            "SELECT coalesce(max(no), 0) FROM logs WHERE run = ?1",
            [*run],
            |row| row.get(0),
        )?;
        newest = newest.max(last);
    }
    Ok(newest)
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn restrict(query: &mut Query, filter: &LogFilter) {
    query.only("l.level >= ?", filter.level_min);
    if !filter.task_runs.is_empty() {
        let marks = marks(filter.task_runs.len());
        let ids = filter.task_runs.iter();
        query.only_all(
            &format!("l.task_run IN ({marks})"),
            ids.map(|id| Box::new(*id) as Box<dyn ToColumn>),
        );
    }
    if !filter.tasks.is_empty() {
        let marks = marks(filter.tasks.len());
        let tasks = filter.tasks.iter();
        query.only_all(
            &format!(
                "EXISTS (SELECT 1 FROM task_runs t WHERE t.id = l.task_run AND t.task IN ({marks}))"
            ),
            tasks.map(|task| Box::new(task.clone()) as Box<dyn ToColumn>),
        );
    }
    if !filter.targets.is_empty() {
        // The target itself, or one below it.
        let any = vec!["l.target = ? OR substr(l.target, 1, ?) = ?"; filter.targets.len()];
        let values = filter.targets.iter().flat_map(|target| {
            let below = format!("{target}::");
            let values: [Box<dyn ToColumn>; 3] = [
                Box::new(target.clone()),
                Box::new(below.chars().count() as i64),
                Box::new(below),
            ];
            values
        });
        query.only_all(&format!("({})", any.join(" OR ")), values);
    }
    if let Some(text) = &filter.text {
        query.only(r"l.message LIKE ? ESCAPE '\'", part_of(text));
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<LogLine> {
    let source = match (row.get::<_, i64>(2)?, row.get(3)?) {
        (0, _) => LogSource::Flow,
        (1, Some(task_run)) => LogSource::Task(task_run),
        _ => LogSource::Host,
    };
    Ok(LogLine {
        run: row.get(1)?,
        source,
        at: row.get(4)?,
        level: row.get(5)?,
        target: row.get(6)?,
        message: row.get(7)?,
    })
}
