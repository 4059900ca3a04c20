//! Log lines.

use super::rows::need_run_no;
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{LogEvent, LogLine, LogSource, RunId};
use orchestrator::lifecycle::RunKey;
use store::StoreResult;

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
