//! Log lines.

use rusqlite::Connection;

use super::columns::AsJson;
use super::rows::{need_run_no, run_no};
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{LogEvent, LogLine, LogSource, RunId};
use orchestrator::lifecycle::RunKey;
use store::{LogCursor, LogFilter, StoreResult};

/// Lines of the run `id`, or of subflows within it.
pub(super) fn add(tx: &Tx<'_>, run: RunKey, id: RunId, lines: &[LogLine]) -> StoreResult<()> {
    // Most lines are of the run itself, and those of a subflow come together.
    let mut last = (id, run);
    let mut subflows = Vec::new();
    for line in lines {
        if line.run == id {
            last = (id, run);
        } else if line.run != last.0 {
            last = (line.run, need_run_no(tx, line.run)?);
            if !subflows.contains(&line.run) {
                subflows.push(line.run);
            }
        }
        let (source, task_run) = match line.source {
            LogSource::Flow => (0, None),
            LogSource::Task(id) => (1, Some(id)),
            LogSource::Host => (2, None),
        };
        tx.run(
            "INSERT INTO logs (run, at, level, source, task_run, target, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                last.1,
                line.at,
                line.level,
                source,
                task_run,
                line.target,
                line.message
            ],
        )?;
    }
    if let Some(level) = lines.iter().map(|line| line.level).max() {
        // Lines of one transaction have places without gaps.
        let (count, end) = (lines.len() as u32, tx.last_insert_rowid());
        tx.changes().logs(LogEvent {
            run: id,
            subflows,
            first: end + 1 - i64::from(count),
            last: end,
            count,
            level,
        });
    }
    Ok(())
}

pub(super) fn lines(
    conn: &Connection,
    filter: &LogFilter,
) -> StoreResult<Vec<(LogCursor, LogLine)>> {
    let mut runs: Vec<i64> = Vec::new();
    for id in &filter.runs {
        runs.extend(run_no(conn, *id)?.map(|run| run.0));
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
