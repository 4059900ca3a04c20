//! Task runs: for people, and for a worker that goes on with a run.

use super::columns::{AsJson, list};
use super::sql::{Conn, params};
use crate::error::Pg;
use crate::tx::{Bulk, How, Tx};
use model::{RunId, TaskLine, TaskRun};
use orchestrator::lifecycle::RunKey;

static TASK_RUNS: Bulk = Bulk {
    table: "task_runs",
    columns: &[
        ("id", "uuid"),
        ("flow_run", "uuid"),
        ("journal", "bigint"),
        ("seq", "bigint"),
        ("task", "text"),
        ("name", "text"),
        ("tags", "text"),
        ("attempt", "bigint"),
        ("state", "text"),
        ("history", "text"),
        ("retry_at", "bigint"),
        ("worker", "uuid"),
    ],
    keys: 1,
    how: How::Insert {
        conflict: "ON CONFLICT (id) DO UPDATE SET name = excluded.name, attempt = excluded.attempt,
         state = excluded.state, history = excluded.history, retry_at = excluded.retry_at,
         worker = excluded.worker",
    },
};

pub(crate) fn put(tx: &Tx, run: RunKey, task_run: &TaskRun) {
    tx.bulk(
        &TASK_RUNS,
        params![
            task_run.id,
            task_run.flow_run,
            run,
            task_run.seq,
            task_run.task,
            task_run.name,
            list(&task_run.tags),
            task_run.attempt,
            task_run.state().kind,
            AsJson(&task_run.history),
            task_run.retry_at,
            task_run.worker
        ],
    );
    tx.change(|changes| changes.task_run(task_run));
}

/// Ends the task runs that are still open: no worker executes them any more.
pub(crate) async fn end_open(tx: &Tx, run: RunKey, id: RunId, line: &TaskLine) -> Pg<()> {
    let open: Vec<(i64, TaskRun)> = tx
        .all(
            "SELECT no, id, flow_run, seq, task, name, attempt, history, worker FROM task_runs
             WHERE journal = $1
               AND state NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED') ORDER BY no",
            params![run],
            |row| {
                let task_run = TaskRun {
                    id: row.get(1)?,
                    flow_run: row.get(2)?,
                    journal: id,
                    seq: row.get(3)?,
                    task: row.get(4)?,
                    name: row.get(5)?,
                    tags: Vec::new(),
                    attempt: row.get(6)?,
                    retry_at: None,
                    history: row.get::<AsJson<_>>(7)?.0,
                    worker: row.get(8)?,
                };
                Ok((row.get(0)?, task_run))
            },
        )
        .await?;
    for (no, mut task_run) in open {
        task_run.history.push(line.clone());
        tx.run(
            "UPDATE task_runs SET state = $2, history = $3, retry_at = NULL WHERE no = $1",
            params![no, line.state.kind, AsJson(&task_run.history)],
        );
        tx.change(|changes| changes.task_run(&task_run));
    }
    Ok(())
}
