//! Artifacts: recorded with what their runs do, and read by key or run.

use async_trait::async_trait;
use model::{Artifact, ArtifactId, ArtifactKey, RunId};
use orchestrator::lifecycle::RunKey;
use store::{ArtifactPlace, Artifacts, ArtifactsOf, StoreResult, StoredArtifact};

use super::PostgresStore;
use super::rows::need_run_no;
use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::tx::{Bulk, How, Tx};

static ARTIFACTS: Bulk = Bulk {
    table: "artifacts",
    columns: &[
        ("id", "uuid"),
        ("run", "bigint"),
        ("task_run", "uuid"),
        ("key", "text"),
        ("kind", "text"),
        ("description", "text"),
        ("data", "text"),
        ("at", "bigint"),
    ],
    keys: 1,
    how: How::Insert {
        conflict: "ON CONFLICT (id) DO UPDATE SET description = excluded.description,
         data = excluded.data, at = excluded.at",
    },
};

macro_rules! select_artifact {
    ($data:literal, $rest:literal) => {
        concat!(
            "SELECT a.no, a.id, a.key, a.kind, a.description, octet_length(a.data)::bigint, ",
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
impl Artifacts for PostgresStore {
    async fn latest_artifacts(
        &self,
        after: Option<&ArtifactKey>,
        count: u32,
    ) -> StoreResult<Vec<StoredArtifact>> {
        let after = after.map_or_else(String::new, ArtifactKey::to_string);
        self.read(async move |conn| {
            // Each key is looked for behind the one before: so many versions cost nothing.
            conn.all(
                select_listed!(
                    "WHERE a.no IN (
                         WITH RECURSIVE keys (key, count) AS (
                             SELECT (SELECT min(key) FROM artifacts WHERE key > $1), 1::bigint
                             UNION ALL
                             SELECT (SELECT min(key) FROM artifacts WHERE key > keys.key), count + 1
                             FROM keys WHERE keys.key IS NOT NULL AND count < $2
                         )
                         SELECT (SELECT max(no) FROM artifacts WHERE key = keys.key)
                         FROM keys WHERE keys.key IS NOT NULL
                     ) ORDER BY a.key"
                ),
                params![after, i64::from(count)],
                artifact,
            )
            .await
        })
        .await
    }

    async fn artifacts(
        &self,
        of: &ArtifactsOf,
        before: Option<ArtifactPlace>,
        count: u32,
    ) -> StoreResult<Vec<StoredArtifact>> {
        let of = of.clone();
        let (before, count) = (before.map_or(i64::MAX, |place| place.0), i64::from(count));
        self.read(async move |conn| match &of {
            ArtifactsOf::Key(key) => {
                conn.all(
                    select_listed!("WHERE a.key = $1 AND a.no < $2 ORDER BY a.no DESC LIMIT $3"),
                    params![key, before, count],
                    artifact,
                )
                .await
            }
            ArtifactsOf::Run(run) => {
                conn.all(
                    select_listed!(
                        "WHERE a.run IN (
                             SELECT no FROM flow_runs WHERE id = $1
                             UNION ALL SELECT no FROM flow_run_specs WHERE within = $1
                         ) AND a.no < $2 ORDER BY a.no DESC LIMIT $3"
                    ),
                    params![run, before, count],
                    artifact,
                )
                .await
            }
            ArtifactsOf::TaskRun(task_run) => {
                conn.all(
                    select_listed!(
                        "WHERE a.run = (
                             SELECT no FROM flow_runs
                             WHERE id = (SELECT flow_run FROM task_runs WHERE id = $1)
                         ) AND a.task_run = $1 AND a.no < $2 ORDER BY a.no DESC LIMIT $3"
                    ),
                    params![task_run, before, count],
                    artifact,
                )
                .await
            }
        })
        .await
    }

    async fn artifact(&self, id: ArtifactId) -> StoreResult<Option<StoredArtifact>> {
        self.read(async move |conn| {
            conn.first(
                select_artifact!("a.data", "WHERE a.id = $1"),
                params![id],
                artifact,
            )
            .await
        })
        .await
    }
}

/// Artifacts of the run `id`, or of subflows within it.
pub(crate) async fn put(tx: &Tx, run: RunKey, id: RunId, artifacts: &[Artifact]) -> Pg<()> {
    for artifact in artifacts {
        let owner = if artifact.run == id {
            run
        } else {
            need_run_no(tx, artifact.run).await?
        };
        tx.bulk(
            &ARTIFACTS,
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
        );
        tx.change(|changes| changes.artifact(id, artifact));
    }
    Ok(())
}

fn artifact(row: &Row) -> Pg<StoredArtifact> {
    Ok(StoredArtifact {
        place: ArtifactPlace(row.get(0)?),
        id: row.get(1)?,
        key: row.get(2)?,
        kind: row.get(3)?,
        description: row.get(4)?,
        size: row.get::<i64>(5)?.cast_unsigned(),
        data: row.get(6)?,
        run: row.get(7)?,
        run_name: row.get(8)?,
        flow: row.get(9)?,
        task_run: row.get(10)?,
        at: row.get(11)?,
    })
}
