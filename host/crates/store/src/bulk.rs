//! Actions on many runs, which go on whoever asked for them has left.
//!
//! ```text
//! asked for --> Running --claimed, a batch, recorded, a batch, recorded--> Done
//!                  ^                    |
//!                  +-- its worker is gone, and another claims it
//!                                       +-- Stopped by a person: after the batch
//! ```
//!
//! What is done to a run and what is recorded of it are two transactions, so the runs of a batch
//! are recorded before it is begun. Who claims an action whose worker is gone repeats that batch,
//! and counts as done what it finds done.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use model::{RunId, StateType, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Cursor, RunFilter, StoreResult};

/// Keeps actions on many runs, and how far they are.
#[async_trait]
pub trait BulkActions: Send + Sync + 'static {
    /// Of those that have ended long before, the oldest are given up.
    async fn add_bulk_action(&self, asked: BulkAsked) -> StoreResult<()>;

    async fn bulk_action(&self, id: BulkId) -> StoreResult<Option<BulkAction>>;

    /// The last `count`, newest first.
    async fn bulk_actions(&self, count: u32) -> StoreResult<Vec<BulkAction>>;

    /// The oldest action that is to be done and that nobody works on, for the caller until then.
    async fn claim_bulk_action(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<BulkClaim>>;

    /// How far the claimer is, who goes on until then, unless it is done.
    async fn record_bulk_action(
        &self,
        claim: BulkLease,
        progress: &BulkProgress,
        next: BulkNext,
    ) -> StoreResult<BulkRecorded>;

    /// Stops it after what is under way. As it is then; one that has ended stays as it is.
    async fn stop_bulk_action(&self, id: BulkId, now: Timestamp)
    -> StoreResult<Option<BulkAction>>;
}

/// An action on many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BulkId(pub Uuid);

impl fmt::Display for BulkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for BulkId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// What is done to each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkKind {
    Cancel,
    Pause,
    Resume,
    Retry { from_scratch: bool },
    Delete,
}

/// The runs that it is done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkTarget {
    Runs(Vec<RunId>),
    /// All that the filter lets through, from the run at this place to the oldest. Later runs
    /// are left alone.
    All {
        filter: RunFilter,
        newest: Cursor,
    },
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkAsked {
    pub id: BulkId,
    pub kind: BulkKind,
    pub target: BulkTarget,
    pub at: Timestamp,
    /// For people: the name of who asked.
    pub by: String,
}

/// Where an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BulkState {
    Running,
    Stopped,
    Done,
}

impl BulkState {
    pub const ALL: [Self; 3] = [Self::Running, Self::Stopped, Self::Done];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
            Self::Done => "DONE",
        }
    }
}

/// Why a run was left alone. There are few of them, so they can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// It is as the action would have made it.
    AlreadySo,
    Over(StateType),
    NotOver(StateType),
    NotPaused(StateType),
    /// Its state allows no such thing.
    State(StateType),
    WaitsForInput,
    /// It goes with the run that it is part of.
    Subflow,
    Gone,
    /// It has ended since the action was asked for.
    EndedSince,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadySo => f.write_str("it is in that state already"),
            Self::Over(state) => write!(f, "it is over: {}", state.name()),
            Self::NotOver(state) => write!(f, "it is not over: {}", state.name()),
            Self::NotPaused(state) => write!(f, "it is not paused: {}", state.name()),
            Self::State(state) => write!(f, "its state does not allow that: {}", state.name()),
            Self::WaitsForInput => f.write_str("it waits for input"),
            Self::Subflow => f.write_str("it is a subflow, and goes with the run around it"),
            Self::Gone => f.write_str("it does not exist any more"),
            Self::EndedSince => f.write_str("it has ended since this was asked for"),
        }
    }
}

/// Runs that were left alone for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub count: u64,
    /// The first of them.
    pub examples: Vec<RunId>,
}

/// So many runs are named that were left alone for one reason.
pub const EXAMPLES_MAX: usize = 5;

/// How far an action is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkProgress {
    pub done: u64,
    /// Why others were left alone. Kept as a list: keys of JSON objects are texts.
    #[serde(with = "as_list")]
    pub skipped: BTreeMap<Skipped, Left>,
    /// Of given runs: how many were looked at.
    pub position: u64,
    /// Of a filter: where it goes on.
    pub place: Option<Cursor>,
    /// Of a filter: when the run was created that was looked at last.
    pub searched_to: Option<Timestamp>,
    /// The runs of the batch that is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batch: Vec<RunId>,
    /// Nothing comes after that batch.
    #[serde(default)]
    pub at_end: bool,
}

impl BulkProgress {
    pub fn skip(&mut self, run: RunId, why: Skipped) {
        let left = self.skipped.entry(why).or_default();
        left.count += 1;
        if left.examples.len() < EXAMPLES_MAX {
            left.examples.push(run);
        }
    }

    pub fn skipped(&self) -> u64 {
        self.skipped.values().map(|left| left.count).sum()
    }
}

/// An action, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkAction {
    pub asked: BulkAsked,
    pub state: BulkState,
    pub progress: BulkProgress,
    /// When the progress was recorded.
    pub at: Timestamp,
}

/// The right to work on an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkLease {
    pub id: BulkId,
    pub epoch: u64,
}

/// An action that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkClaim {
    pub lease: BulkLease,
    pub action: BulkAction,
}

/// What its claimer does after the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkNext {
    GoOn { now: Timestamp, until: Timestamp },
    End { now: Timestamp },
}

impl BulkNext {
    pub fn go_on(now: Timestamp) -> Self {
        Self::GoOn {
            now,
            until: now.after(BULK_LEASE),
        }
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkRecorded {
    GoOn,
    /// It has ended, or was stopped.
    Over,
    /// Another has claimed it. Nothing was recorded.
    Lost,
}

/// How long an action is its claimer's without a record.
pub const BULK_LEASE: Duration = Duration::from_secs(30);

mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Left, Skipped};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Skipped, Left>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Skipped, Left>, D::Error> {
        let list = Vec::<(Skipped, Left)>::deserialize(deserializer)?;
        Ok(list.into_iter().collect())
    }
}
