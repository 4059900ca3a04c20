//! Artifacts: what runs make for people to look at.
//!
//! An artifact has a key, and those with the same key are its versions, of all runs, newest
//! first. The terms are Prefect's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ArtifactId, ArtifactKey, Json, RunId, Seq, TaskRunId, Timestamp};

/// What an artifact shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// A text with marks, such as a report.
    Markdown,
    /// Rows and columns.
    Table,
    /// The address of a page.
    Link,
    /// How far something is, in percent. A later value takes the place of the one before.
    Progress,
    /// The address of an image.
    Image,
}

impl ArtifactKind {
    pub const ALL: [Self; 5] = [
        Self::Markdown,
        Self::Table,
        Self::Link,
        Self::Progress,
        Self::Image,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Table => "table",
            Self::Link => "link",
            Self::Progress => "progress",
            Self::Image => "image",
        }
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ArtifactKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no kind of artifact"))
    }
}

/// An artifact as code hands it over.
#[derive(Clone, Debug, PartialEq)]
pub struct NewArtifact {
    pub key: ArtifactKey,
    pub kind: ArtifactKind,
    pub description: Option<String>,
    /// By its kind: a text, a list of objects, an address, or a number from 0 to 100.
    pub data: Json,
    /// The subflow that makes it, unless it is the flow itself.
    pub scope: Option<Seq>,
}

/// An artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    pub id: ArtifactId,
    pub key: ArtifactKey,
    pub kind: ArtifactKind,
    pub description: Option<String>,
    /// As in [`NewArtifact`].
    pub data: Json,
    /// The flow run or subflow that it belongs to.
    pub run: RunId,
    /// The task run that made it, unless it was the flow.
    pub task_run: Option<TaskRunId>,
    pub at: Timestamp,
}

impl Artifact {
    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let description = self.description.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.key.as_str().len() + description + self.data.as_str().len()
    }
}

impl NewArtifact {
    /// What of it is kept, in bytes.
    pub fn bytes(&self) -> usize {
        let description = self.description.as_ref().map_or(0, String::len);
        self.key.as_str().len() + description + self.data.as_str().len()
    }
}
