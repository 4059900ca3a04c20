//! Limits across runs: how many may do something at once, or within a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DeploymentName, LimitName, Timestamp};

/// How the names of limits begin that count tasks by a tag.
const TAG: &str = "tag:";

/// A limit, by whose slots runs are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub name: LimitName,
    pub slots: u32,
    /// For a rate limit: how long each slot stays taken, whatever becomes of who took it. None: a
    /// slot is free again when it is given back.
    pub per: Option<Duration>,
    pub created: Timestamp,
}

impl LimitName {
    /// The limit that a deployment has of its own. No person can make one of this name.
    pub fn of_deployment(deployment: &DeploymentName) -> Self {
        Self::trusted(format!("deployment:{deployment}"))
    }

    /// The limit that counts the attempts of tasks with this tag, as in Prefect. None: the tag can
    /// be in no name.
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::new(format!("{TAG}{tag}")).ok()
    }

    /// The tag whose tasks it counts.
    pub fn tag(&self) -> Option<&str> {
        self.as_str().strip_prefix(TAG)
    }

    /// The deployment that has it of its own.
    pub fn deployment(&self) -> Option<&str> {
        self.as_str()
            .strip_prefix("deployment:")
            .filter(|name| name.contains('/'))
    }
}

/// How many runs of a deployment may be under way at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    pub slots: u32,
    #[serde(default)]
    pub collision: Collision,
    /// The parameters by whose values runs are counted apart from each other. None: all together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// What a run does that finds no slot of its deployment free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Collision {
    /// It waits in the line. Prefect's `ENQUEUE`.
    #[default]
    Enqueue,
    /// It is cancelled. Prefect's `CANCEL_NEW`.
    CancelNew,
    /// Those before it are cancelled: what waits at once, and of what is under way the earliest. It
    /// waits until they are over.
    CancelOld,
}

impl Collision {
    pub const ALL: [Self; 3] = [Self::Enqueue, Self::CancelNew, Self::CancelOld];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::CancelNew => "cancel-new",
            Self::CancelOld => "cancel-old",
        }
    }
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Collision {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(|it| format!("`{it}`")).join(", ");
            format!("`{text}` is none of {known}")
        })
    }
}

/// What a run takes of a limit, from its first claim until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taking {
    #[serde(deserialize_with = "checked_before")]
    pub limit: LimitName,
    /// The line of the limit: runs of different lines do not count against each other.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub line: String,
    pub slots: u32,
    /// What it does if there is none.
    #[serde(default)]
    pub collision: Collision,
}

impl Taking {
    /// So many slots of all that there are. Who finds none waits.
    pub fn some(limit: LimitName, slots: u32) -> Self {
        Self {
            limit,
            line: String::new(),
            slots,
            collision: Collision::Enqueue,
        }
    }
}

/// That of a deployment is no name that a person may give.
fn checked_before<'de, D: serde::Deserializer<'de>>(text: D) -> Result<LimitName, D::Error> {
    String::deserialize(text).map(LimitName::trusted)
}
