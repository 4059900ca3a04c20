//! Artifacts: recorded with what their runs do, and read by key or run.
//!
//! What a deleted run has left is not seen any more: its specification is gone.

use async_trait::async_trait;
use model::{Artifact, ArtifactId, ArtifactKey, RunId};
use orchestrator::lifecycle::RunKey;
use rusqlite::Connection;
use store::{ArtifactPlace, Artifacts, ArtifactsOf, StoreResult, StoredArtifact};

use super::SqliteStore;
use super::rows::{need_run_no, unsigned};
use super::sql::{Row, Sql, params};
use super::writer::Tx;

macro_rules! select_artifact {
    ($data:literal, $rest:literal) => {
        concat!(
            "SELECT a.no, a.id, a.key, a.kind, a.description, octet_length(a.data), ",
            $data,
            ", r.id, s.name, s.flow, a.task_run, a.at
             FROM artifacts a JOIN flow_run_specs s ON s.no = a.run
             JOIN flow_runs r ON r.no = a.run ",
            $rest
        )
    };
}

/// With what it shows only where that is short: as [`store::LISTED_MAX`] says.
macro_rules! select_listed {
    ($rest:literal) => {
        select_artifact!(
            "CASE WHEN octet_length(a.data) <= 1024 THEN a.data END",
            $rest
        )
    };
}

#[async_trait]
impl Artifacts for SqliteStore {
    async fn latest_artifacts(
        &self,
        after: Option<&ArtifactKey>,
        count: u32,
    ) -> StoreResult<Vec<StoredArtifact>> {
        self.readers.with(|conn| latest(conn, after, count))
    }

    async fn artifacts(
        &self,
        of: &ArtifactsOf,
        before: Option<ArtifactPlace>,
        count: u32,
    ) -> StoreResult<Vec<StoredArtifact>> {
        let before = before.map_or(i64::MAX, |place| place.0);
        self.readers.with(|conn| match of {
            ArtifactsOf::Key(key) => conn.all(
                select_listed!("WHERE a.key = ?1 AND a.no < ?2 ORDER BY a.no DESC LIMIT ?3"),
                params![key, before, count],
                artifact,
            ),
            ArtifactsOf::Run(run) => conn.all(
                select_listed!(
                    "WHERE a.run IN (
                         SELECT no FROM flow_runs WHERE id = ?1
                         UNION ALL SELECT no FROM flow_run_specs WHERE within = ?1
                     ) AND a.no < ?2 ORDER BY a.no DESC LIMIT ?3"
                ),
                params![run, before, count],
                artifact,
            ),
            ArtifactsOf::TaskRun(task_run) => conn.all(
                select_listed!(
                    "WHERE a.run = (
                         SELECT no FROM flow_runs
                         WHERE id = (SELECT flow_run FROM task_runs WHERE id = ?1)
                     ) AND a.task_run = ?1 AND a.no < ?2 ORDER BY a.no DESC LIMIT ?3"
                ),
                params![task_run, before, count],
                artifact,
            ),
        })
    }

    async fn artifact(&self, id: ArtifactId) -> StoreResult<Option<StoredArtifact>> {
        self.readers.with(|conn| {
            conn.first(
                select_artifact!("a.data", "WHERE a.id = ?1"),
                [id],
                artifact,
            )
        })
    }
}

/// Artifacts of the run `id`, or of subflows within it.
pub(super) fn put(tx: &Tx<'_>, run: RunKey, id: RunId, artifacts: &[Artifact]) -> StoreResult<()> {
    for artifact in artifacts {
        let owner = if artifact.run == id {
            run
        } else {
            need_run_no(tx, artifact.run)?
        };
        tx.run(
            "INSERT INTO artifacts (id, run, task_run, key, kind, description, data, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET description = excluded.description,
                 data = excluded.data, at = excluded.at",
            params![
                artifact.id,
                owner,
                artifact.task_run,
                artifact.key,
                artifact.kind,
                artifact.description,
                artifact.data,
                artifact.at
            ],
        )?;
        tx.changes().artifact(id, artifact);
    }
    Ok(())
}

fn latest(
    conn: &Connection,
    after: Option<&ArtifactKey>,
    count: u32,
) -> StoreResult<Vec<StoredArtifact>> {
    let mut found = Vec::new();
    let mut key = after.cloned();
    while found.len() < count as usize {
        let after = key.as_ref().map_or("", ArtifactKey::as_str);
        let next = "SELECT min(key) FROM artifacts WHERE key > ?1";
        let Some(next) = conn.need(next, params![after], |row| {
            row.get::<_, Option<ArtifactKey>>(0)
        })?
        else {
            break;
        };
        found.extend(conn.first(
            select_listed!("WHERE a.key = ?1 ORDER BY a.no DESC LIMIT 1"),
            [&next],
            artifact,
        )?);
        key = Some(next);
    }
    Ok(found)
}

fn artifact(row: &Row<'_>) -> rusqlite::Result<StoredArtifact> {
    Ok(StoredArtifact {
        place: ArtifactPlace(row.get(0)?),
        id: row.get(1)?,
        key: row.get(2)?,
        kind: row.get(3)?,
        description: row.get(4)?,
        size: unsigned(row, 5)?,
        data: row.get(6)?,
        run: row.get(7)?,
        run_name: row.get(8)?,
        flow: row.get(9)?,
        task_run: row.get(10)?,
        at: row.get(11)?,
    })
}
