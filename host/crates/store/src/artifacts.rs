//! What runs have made for people to look at.

use async_trait::async_trait;
use model::{
    ArtifactId, ArtifactKey, ArtifactKind, FlowName, Json, RunId, RunName, TaskRunId, Timestamp,
};

use crate::StoreResult;

/// What an artifact shows is listed with it up to so many bytes.
pub const LISTED_MAX: u64 = 1 << 10;

/// Reads artifacts. They come with the records of their runs, and go with them.
#[async_trait]
pub trait Artifacts: Send + Sync + 'static {
    /// The latest artifact of each key, in the order of the keys, after this one.
    async fn latest_artifacts(
        &self,
        after: Option<&ArtifactKey>,
        count: u32,
    ) -> StoreResult<Vec<StoredArtifact>>;

    /// Artifacts made before that of this place, newest first.
    async fn artifacts(
        &self,
        of: &ArtifactsOf,
        before: Option<ArtifactPlace>,
        count: u32,
    ) -> StoreResult<Vec<StoredArtifact>>;

    /// With what it shows, whatever its size.
    async fn artifact(&self, id: ArtifactId) -> StoreResult<Option<StoredArtifact>>;
}

/// Which artifacts are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactsOf {
    /// The versions of one key.
    Key(ArtifactKey),
    /// Those of a run, and of the subflows within it.
    Run(RunId),
    TaskRun(TaskRunId),
}

/// The order in which artifacts were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArtifactPlace(pub i64);

/// An artifact, and the run that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredArtifact {
    pub place: ArtifactPlace,
    pub id: ArtifactId,
    pub key: ArtifactKey,
    pub kind: ArtifactKind,
    pub description: Option<String>,
    /// What it shows has so many bytes.
    pub size: u64,
    /// `None` in a listing if it has more than [`LISTED_MAX`].
    pub data: Option<Json>,
    pub run: RunId,
    pub run_name: RunName,
    pub flow: FlowName,
    pub task_run: Option<TaskRunId>,
    /// When it was made, or a progress was shown last.
    pub at: Timestamp,
}
