//! Artifacts, from the store.

use async_trait::async_trait;
use model::{ArtifactId, ArtifactKey};
use store::{ArtifactPlace, ArtifactsOf};

use super::cursor::{cursor_at, limit, place_of};
use super::local::LocalClient;
use super::page::Page;
use super::requests::ArtifactQuery;
use super::{Answered, ArtifactsClient};
use crate::problem::{Problem, ProblemKind};
use crate::view::ArtifactView;

#[async_trait]
impl ArtifactsClient for LocalClient {
    async fn list_artifacts(&self, query: ArtifactQuery) -> Answered<Page<ArtifactView>> {
        // One more tells whether there are more.
        let limit = limit(&query)?;
        let of = self.artifacts_of(&query).await?;
        let mut found = match &of {
            None => {
                let after: Option<ArtifactKey> = place_of(&query, "")?;
                self.store.latest_artifacts(after.as_ref(), limit + 1).await
            }
            Some(of) => {
                let before = place_of(&query, "")?.map(ArtifactPlace);
                self.store.artifacts(of, before, limit + 1).await
            }
        }?;
        let is_more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| is_more);
        let next = last.map(|last| match of {
            None => cursor_at(&query, "", &last.key),
            Some(_) => cursor_at(&query, "", last.place.0),
        });
        Ok(Page {
            next,
            ..Page::all(found)
        })
    }

    async fn inspect_artifact(&self, artifact: &str) -> Answered<ArtifactView> {
        let missing = || {
            let detail = format!("there is no artifact `{artifact}`");
            Problem::new(ProblemKind::NotFound, detail)
                .hint("`orch-host artifact ls` lists those there are")
        };
        if let Ok(id) = artifact.parse::<ArtifactId>()
            && let Some(found) = self.store.artifact(id).await?
        {
            return Ok(found.into());
        }
        let key: ArtifactKey = artifact.parse().map_err(|_| missing())?;
        let versions = self
            .store
            .artifacts(&ArtifactsOf::Key(key), None, 1)
            .await?;
        let latest = versions.first().ok_or_else(missing)?;
        let whole = self.store.artifact(latest.id).await?;
        // Its run may have been deleted since.
        Ok(whole.ok_or_else(missing)?.into())
    }
}

impl LocalClient {
    /// None: the latest of each key.
    async fn artifacts_of(&self, query: &ArtifactQuery) -> Answered<Option<ArtifactsOf>> {
        Ok(match (&query.key, &query.flow_run, query.task_run) {
            (None, None, None) => None,
            (Some(key), None, None) => Some(ArtifactsOf::Key(key.clone())),
            (None, Some(run), None) => Some(ArtifactsOf::Run(self.run(run).await?.id)),
            (None, None, Some(task_run)) => Some(ArtifactsOf::TaskRun(task_run)),
            _ => {
                let detail = "artifacts are listed of one key, of one flow run or of one task run";
                return Err(Problem::new(ProblemKind::InvalidQuery, detail)
                    .hint("give one of `key`, `flow_run` and `task_run`"));
            }
        })
    }
}
