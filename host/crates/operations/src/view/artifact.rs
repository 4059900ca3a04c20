//! Artifacts: what runs have made for people to look at.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use store::StoredArtifact;
use utoipa::ToSchema;

use super::View;
use model::{ArtifactId, ArtifactKey, FlowName, Json, RunId, RunName, TaskRunId, Timestamp};

/// An artifact, and the run that made it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArtifactView {
    pub id: ArtifactId,
    /// Artifacts with the same key are its versions, of all runs.
    pub key: ArtifactKey,
    /// `markdown`, `table`, `link`, `progress` or `image`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub description: Option<String>,
    pub flow_run: RunId,
    pub flow_run_name: RunName,
    pub flow: FlowName,
    /// The task run that made it, unless it was the flow.
    pub task_run: Option<TaskRunId>,
    /// When it was made, or a progress was shown last.
    pub at: Timestamp,
    /// What `data` has, in bytes.
    pub size: u64,
    /// By its type: a text, a list of objects, an address, or a number from 0 to 100. A listing
    /// leaves out what has more than 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

impl View for ArtifactView {}

impl From<StoredArtifact> for ArtifactView {
    fn from(artifact: StoredArtifact) -> Self {
        Self {
            id: artifact.id,
            key: artifact.key,
            kind: artifact.kind.as_str().into(),
            description: artifact.description,
            flow_run: artifact.run,
            flow_run_name: artifact.run_name,
            flow: artifact.flow,
            task_run: artifact.task_run,
            at: artifact.at,
            size: artifact.size,
            data: artifact.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{artifact, shown};

    #[test]
    fn the_shape_of_an_artifact() {
        insta::assert_snapshot!(shown(&ArtifactView::from(artifact())), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000003",
          "key": "orders",
          "type": "table",
          "description": "Of today",
          "flow_run": "01920000-0000-7000-8000-000000000001",
          "flow_run_name": "silver-otter",
          "flow": "etl",
          "task_run": null,
          "at": "2023-11-14T22:13:20.123456Z",
          "size": 9,
          "data": [{"n":1}]
        }
        "#);
    }
}
