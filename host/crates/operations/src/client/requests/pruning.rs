//! Which runs are deleted once they have been over for long.

use std::time::Duration;

use model::StateType;
use serde::{Deserialize, Serialize};
use store::StateFilter;
use utoipa::ToSchema;

use crate::view::View;

/// Why nothing is deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run that is `{state}` is not over")]
pub struct NotAnEnd {
    pub state: StateFilter,
}

/// Errs if a state is none that runs end in.
pub fn check_ends(states: &[StateFilter]) -> Result<(), NotAnEnd> {
    let is_end = |state: &&StateFilter| state.kind().is_none_or(StateType::is_terminal);
    match states.iter().find(|state| !is_end(state)) {
        Some(state) => Err(NotAnEnd {
            state: state.clone(),
        }),
        None => Ok(()),
    }
}

/// A rule by which runs are deleted by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"older_than_ms": 2592000000_u64, "keep_failed": true}))]
pub struct PruneRule {
    /// All of a family of runs has ended longer ago than this.
    pub older_than_ms: u64,
    /// The family's first run has ended in one of these states; left out: in any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// Families with a failed or crashed run stay.
    #[serde(default)]
    pub keep_failed: bool,
}

impl View for PruneRule {}

impl PruneRule {
    /// Its states. Errs with what is wrong about one.
    pub fn filters(&self) -> Result<Vec<StateFilter>, String> {
        let states = self.states.iter().map(|state| state.parse());
        let states = states.collect::<Result<Vec<_>, String>>()?;
        check_ends(&states).map_err(|refusal| refusal.to_string())?;
        Ok(states)
    }

    /// `what ended more than 30d ago, but for families with failures`
    pub fn in_words(&self) -> String {
        let age = model::in_units(Duration::from_millis(self.older_than_ms));
        let mut words = format!("what has been over for more than {age}");
        if !self.states.is_empty() {
            words += &format!(", if its first run is {}", self.states.join(" or "));
        }
        if self.keep_failed {
            words += ", unless a run of its family has failed";
        }
        words
    }
}
