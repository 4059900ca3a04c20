//! Deletes runs that are over, with all that belongs to them.

use super::load::subject;
use super::sql::{Conn, params};
use super::texts;
use crate::columns::List;
use crate::error::Pg;
use crate::known::Known;
use crate::tx::Tx;
use model::RunId;
use orchestrator::lifecycle::{self, RunKey};
use store::StoreError;

/// Rows that belong to runs, by what they are found by.
const BELONGINGS: [&str; 12] = [
    "DELETE FROM artifacts WHERE run = ANY($1)",
    "DELETE FROM logs WHERE run = ANY($1)",
    "DELETE FROM task_runs WHERE journal = ANY($1)",
    "DELETE FROM journal WHERE run = ANY($1)",
    "DELETE FROM journal_kept WHERE run = ANY($1)",
    "DELETE FROM flow_run_states WHERE run = ANY($1)",
    "DELETE FROM inputs WHERE run = ANY($1)",
    "DELETE FROM past_calls WHERE run = ANY($1)",
    "UPDATE blobs SET loose = true
     WHERE digest IN (SELECT digest FROM run_blobs WHERE run = ANY($1))",
    "DELETE FROM run_blobs WHERE run = ANY($1)",
    "DELETE FROM flow_run_specs WHERE no = ANY($1)",
    "DELETE FROM flow_runs WHERE no = ANY($1)",
];

/// Errs if there is no such run, if it is not over, or if it is a subflow. Numbers come from a
/// sequence, so none is given twice.
pub(crate) async fn delete(tx: &Tx, id: RunId) -> Pg<()> {
    let subject = subject(tx, id).await?;
    lifecycle::may_delete(&subject)?;
    let subflows: Vec<(RunKey, RunId, Option<RunId>)> = tx
        .all(
            "SELECT r.no, r.id, s.parent FROM flow_run_specs s JOIN flow_runs r ON r.no = s.no
             WHERE s.within = $1 ORDER BY r.no",
            params![id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .await?;
    let parent: Option<RunId> = tx
        .need(
            "SELECT parent FROM flow_run_specs WHERE no = $1",
            params![subject.head.key],
            |row| row.get(0),
        )
        .await?;
    tx.known(Known::forget);
    let mut keys: Vec<RunKey> = subflows.iter().map(|(key, ..)| *key).collect();
    keys.push(subject.head.key);
    for sql in BELONGINGS {
        tx.run(sql, params![List(&keys)]);
    }
    texts::let_go(tx, &keys).await?;
    for (_, subflow, parent) in subflows {
        tx.change(|changes| changes.run_deleted(subflow, parent, Some(id)));
    }
    tx.change(|changes| changes.run_deleted(id, parent, None));
    Ok(())
}

/// Whether the run was left alone for a reason that concerns it alone.
pub(crate) fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotFound(_) | StoreError::NotOver { .. } | StoreError::Subflow { .. }
    )
}
