//! Task runs: for people, and for a worker that goes on with a run.

use super::columns::{AsJson, list};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{RunId, TaskLine, TaskRun};
use orchestrator::lifecycle::RunKey;
use store::StoreResult;

pub(super) fn put(tx: &Tx<'_>, run: RunKey, task_run: &TaskRun) -> StoreResult<()> {
    tx.run(
        "INSERT INTO task_runs (id, flow_run, journal, seq, task, name, tags, attempt, state,
             history, retry_at, worker)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, attempt = excluded.attempt,
             state = excluded.state, history = excluded.history,
             retry_at = excluded.retry_at, worker = excluded.worker",
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
    )?;
    tx.changes().task_run(task_run);
    Ok(())
}

/// Ends the task runs that are still open: no worker executes them any more.
pub(super) fn end_open(tx: &Tx<'_>, run: RunKey, id: RunId, line: &TaskLine) -> StoreResult<()> {
    let open: Vec<(i64, TaskRun)> = tx.all(
        "SELECT no, id, flow_run, seq, task, name, attempt, history, worker FROM task_runs
         WHERE journal = ?1 AND state NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')",
        [run],
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
                history: row.get::<_, AsJson<_>>(7)?.0,
                worker: row.get(8)?,
            };
            Ok((row.get(0)?, task_run))
        },
    )?;
    for (no, mut task_run) in open {
        task_run.history.push(line.clone());
        tx.run(
            "UPDATE task_runs SET state = ?2, history = ?3, retry_at = NULL WHERE no = ?1",
            params![no, line.state.kind, AsJson(&task_run.history)],
        )?;
        tx.changes().task_run(&task_run);
    }
    Ok(())
}
