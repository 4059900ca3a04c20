//! Task runs: for people, and for a worker that goes on with a run.

use super::columns::{AsJson, list};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{State, TaskRun};
use orchestrator::lifecycle::RunKey;
use store::StoreResult;

pub(super) fn put(tx: &Tx<'_>, run: RunKey, task_run: &TaskRun) -> StoreResult<()> {
    tx.run(
        "INSERT INTO task_runs (id, flow_run, journal, seq, task, name, tags, attempt, state,
             history, retry_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, attempt = excluded.attempt,
             state = excluded.state, history = excluded.history,
             retry_at = excluded.retry_at",
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
            task_run.retry_at
        ],
    )?;
    Ok(())
}

/// Ends the task runs that are still open: no worker executes them any more.
pub(super) fn end_open(tx: &Tx<'_>, run: RunKey, state: &State) -> StoreResult<()> {
    let open: Vec<(i64, AsJson<Vec<State>>)> = tx.all(
        "SELECT no, history FROM task_runs WHERE journal = ?1
             AND state NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')",
        [run],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (task_run, AsJson(mut history)) in open {
        history.push(state.clone());
        tx.run(
            "UPDATE task_runs SET state = ?2, history = ?3, retry_at = NULL WHERE no = ?1",
            params![task_run, state.kind, AsJson(&history)],
        )?;
    }
    Ok(())
}
