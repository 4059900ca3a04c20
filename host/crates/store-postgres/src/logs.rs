//! Log lines.

use super::rows::need_run_no;
use super::sql::params;
use crate::error::Pg;
use crate::tx::{Bulk, How, Tx};
use model::{LogEvent, LogLine, LogSource, RunId};
use orchestrator::lifecycle::RunKey;

static LOGS: Bulk = Bulk {
    table: "logs",
    columns: &[
        ("no", "bigint"),
        ("run", "bigint"),
        ("at", "bigint"),
        ("level", "bigint"),
        ("source", "bigint"),
        ("task_run", "uuid"),
        ("target", "text"),
        ("message", "text"),
    ],
    keys: 0,
    how: How::Insert { conflict: "" },
};

/// Lines of the run `id`, or of subflows within it. The numbers of a transaction begin after those
/// of every earlier one that wrote lines of this run, for the run is locked.
pub(crate) async fn add(tx: &Tx, run: RunKey, id: RunId, lines: &[LogLine]) -> Pg<()> {
    let Some(level) = lines.iter().map(|line| line.level).max() else {
        return Ok(());
    };
    let first = tx.line_numbers(lines.len()).await?;
    // Most lines are of the run itself, and those of a subflow come together.
    let mut last = (id, run);
    let mut subflows = Vec::new();
    for (no, line) in (first..).zip(lines) {
        if line.run == id {
            last = (id, run);
        } else if line.run != last.0 {
            last = (line.run, need_run_no(tx, line.run).await?);
            if !subflows.contains(&line.run) {
                subflows.push(line.run);
            }
        }
        let (source, task_run) = match line.source {
            LogSource::Flow => (0_i64, None),
            LogSource::Task(id) => (1, Some(id)),
            LogSource::Host => (2, None),
        };
        tx.bulk(
            &LOGS,
            params![
                no,
                last.1,
                line.at,
                line.level,
                source,
                task_run,
                line.target,
                line.message
            ],
        );
    }
    let count = lines.len() as u32;
    let event = LogEvent {
        run: id,
        subflows,
        first,
        last: first + i64::from(count) - 1,
        count,
        level,
    };
    tx.change(|changes| changes.logs(event));
    Ok(())
}
