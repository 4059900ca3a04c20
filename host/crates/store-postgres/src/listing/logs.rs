//! Log lines that a filter lets through.

use super::query::{Query, part_of};
use super::walk::{self, Part, Span};
use crate::columns::{List, ToColumn, Value};
use crate::error::Pg;
use crate::sql::{Conn, Row, params};
use model::{LogLine, LogSource, RunId, TaskRunId};
use store::{Count, Cursor, LogFilter, LogPlace, Page, PageRequest, StoreError};

pub(crate) async fn lines(
    conn: &impl Conn,
    filter: &LogFilter,
    request: &PageRequest,
) -> Pg<Page<(LogPlace, LogLine)>> {
    let print = filter.fingerprint();
    let part = Part::of(request, print)?;
    let runs = runs_of(conn, filter).await?;
    let span = span(conn, &runs).await?;
    let mut query = Query::new(
        "SELECT l.no, r.id, l.source, l.task_run, l.at, l.level, l.target, l.message
         FROM logs l JOIN flow_runs r ON r.no = l.run",
    );
    restrict(&mut query, filter, &runs);
    let found = walk::look(conn, &part, span, &query, "l.no", line).await?;
    let searched_to = match found.next {
        Some(place) => {
            conn.first(
                "SELECT at FROM logs WHERE no <= $1 AND run = ANY($2) ORDER BY no DESC LIMIT 1",
                params![place, List(&runs)],
                |row| row.get(0),
            )
            .await?
        }
        None => None,
    };
    let next = found.cursor(print);
    let items = found.items.into_iter();
    Ok(Page {
        items: items.map(|(no, line)| (LogPlace(no), line)).collect(),
        next,
        newest: Cursor::new(print, span.newest),
        searched_to,
    })
}

pub(crate) async fn count_lines(
    conn: &impl Conn,
    filter: &LogFilter,
    after: LogPlace,
    max: u64,
) -> Pg<Count> {
    let runs = runs_of(conn, filter).await?;
    let span = span(conn, &runs).await?;
    let mut query = Query::new("SELECT 1 FROM logs l");
    restrict(&mut query, filter, &runs);
    walk::count(conn, span, &query, "l.no", after.0, max).await
}

/// The runs and the subflows within them, by their numbers.
async fn runs_of(conn: &impl Conn, filter: &LogFilter) -> Pg<Vec<i64>> {
    conn.all(
        "SELECT no FROM flow_runs WHERE id = ANY($1)
         UNION SELECT no FROM flow_run_specs WHERE within = ANY($1)",
        params![List::<RunId>(&filter.runs)],
        |row| row.get(0),
    )
    .await
}

/// The index finds the lines of the runs; what few of them fit is looked for in all of these.
async fn span(conn: &impl Conn, runs: &[i64]) -> Pg<Span> {
    let newest = conn
        .need(
            "SELECT coalesce(max(last), 0)::bigint FROM (
                 SELECT (SELECT max(no) FROM logs WHERE run = r) AS last
                 FROM unnest($1::bigint[]) r
             ) l",
            params![List(runs)],
            |row| row.get(0),
        )
        .await?;
    Ok(Span {
        oldest: 1,
        newest,
        is_found_by_index: true,
    })
}

fn restrict(query: &mut Query, filter: &LogFilter, runs: &[i64]) {
    query.only("l.run = ANY(?)", params![List(runs)]);
    query.only("l.level >= ?", params![filter.level_min]);
    query.only_among("l.task_run", &filter.task_runs);
    if !filter.tasks.is_empty() {
        query.only(
            "EXISTS (SELECT 1 FROM task_runs t WHERE t.id = l.task_run AND t.task = ANY(?))",
            params![List(&filter.tasks)],
        );
    }
    if !filter.targets.is_empty() {
        // The target itself, or one below it.
        let any = vec!["l.target = ? OR starts_with(l.target, ?)"; filter.targets.len()];
        let values = filter.targets.iter().flat_map(|target| {
            let below = format!("{target}::");
            [target.to_column(), below.to_column()]
        });
        let values: Vec<Value> = values.collect();
        query.only(&format!("({})", any.join(" OR ")), values);
    }
    if let Some(text) = &filter.text {
        query.only("l.message ILIKE ?", params![part_of(text)]);
    }
}

fn line(row: &Row) -> Pg<LogLine> {
    let source = match (row.get::<i64>(2)?, row.get::<Option<TaskRunId>>(3)?) {
        (0, _) => LogSource::Flow,
        (1, Some(task_run)) => LogSource::Task(task_run),
        (2, _) => LogSource::Host,
        (other, _) => {
            let reason = format!("`{other}` is no source of log lines");
            return Err(StoreError::Damaged(reason).into());
        }
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
