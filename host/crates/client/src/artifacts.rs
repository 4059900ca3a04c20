//! Artifacts.

use async_trait::async_trait;
use operations::client::{Answered, ArtifactQuery, ArtifactsClient, Page};
use operations::view::ArtifactView;

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

#[async_trait]
impl ArtifactsClient for HttpClient {
    async fn list_artifacts(&self, query: ArtifactQuery) -> Answered<Page<ArtifactView>> {
        self.ask(Ask::get("/v1/artifacts").query(&query)?).await
    }

    async fn inspect_artifact(&self, artifact: &str) -> Answered<ArtifactView> {
        self.ask(Ask::get(format!("/v1/artifacts/{}", segment(artifact))))
            .await
    }
}
