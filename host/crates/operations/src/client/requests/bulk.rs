//! What is asked to be done to many runs.

use model::{Role, RunId, StateType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RunQuery;
use crate::view::FilterView;

/// What is done to many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BulkVerb {
    Cancel,
    Pause,
    Resume,
    Retry,
    Delete,
}

impl BulkVerb {
    pub const ALL: [Self; 5] = [
        Self::Cancel,
        Self::Pause,
        Self::Resume,
        Self::Retry,
        Self::Delete,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Delete => "delete",
        }
    }

    /// The verb of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }

    /// Whether a run in this state can be changed so. The store decides; this only tells which runs
    /// to offer it for.
    pub fn fits(self, state: StateType) -> bool {
        let is_cancelling = state == StateType::Cancelling;
        match self {
            Self::Cancel => !state.is_terminal() && !is_cancelling,
            Self::Pause => !state.is_terminal() && !is_cancelling && state != StateType::Paused,
            Self::Resume => state == StateType::Paused,
            Self::Retry | Self::Delete => state.is_terminal(),
        }
    }

    /// Whether something is lost by it.
    pub fn is_dangerous(self) -> bool {
        matches!(self, Self::Cancel | Self::Delete)
    }

    /// Who may ask for it.
    pub fn role(self) -> Role {
        match self {
            Self::Cancel | Self::Pause | Self::Resume | Self::Retry => Role::Operator,
            Self::Delete => Role::Admin,
        }
    }
}

/// Something to do to many runs: to those of `runs`, or to all that `filter` lets through.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"action": "cancel", "filter": {"state": ["SCHEDULED"], "flow": ["etl"]}}))]
pub struct AskBulk {
    pub action: BulkVerb,
    /// Whether `retry` repeats what had completed, too.
    #[serde(default)]
    pub from_scratch: bool,
    /// Ids of runs, at most 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<RunId>>,
    /// Which runs, by the filters of a listing. `{}` is every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterView>)]
    pub filter: Option<RunQuery>,
    /// The `newest` of a listing with the same filters: runs that came later are left alone.
    /// Without, those that come after this request are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
}
