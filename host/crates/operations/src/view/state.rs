//! States.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{State, StateName, StateType, Timestamp};

/// Where a run is since when, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StateView {
    /// `SCHEDULED`, `PENDING`, `RUNNING`, `WAITING`, `PAUSED`, `CANCELLING`, `COMPLETED`,
    /// `FAILED`, `CRASHED` or `CANCELLED`.
    #[serde(rename = "type")]
    #[schema(value_type = model::StateType)]
    pub kind: Cow<'static, str>,
    /// For people, such as `Late` or `Retrying`.
    pub name: String,
    /// The reason. Left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub at: Timestamp,
}

impl View for StateView {}

impl From<State> for StateView {
    fn from(state: State) -> Self {
        Self {
            kind: state.kind.as_str().into(),
            name: state.name.0.into_owned(),
            message: state.message,
            at: state.at,
        }
    }
}

/// What is known of a state, of a type that is known.
impl From<StateView> for State {
    fn from(view: StateView) -> Self {
        Self {
            // Of a later server. It is no end, as far as can be told.
            kind: view.kind.parse().unwrap_or(StateType::Waiting),
            name: StateName(view.name.into()),
            message: view.message,
            at: view.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown};

    #[test]
    fn the_shape_of_a_state() {
        let view = |state: State| shown(&StateView::from(state));
        insta::assert_snapshot!(view(State::running(2, AT).because("again")), @r#"
        {
          "type": "RUNNING",
          "name": "Retrying",
          "message": "again",
          "at": "2023-11-14T22:13:20.123456Z"
        }
        "#);
        insta::assert_snapshot!(view(State::pending(AT)), @r#"
        {
          "type": "PENDING",
          "name": "Pending",
          "at": "2023-11-14T22:13:20.123456Z"
        }
        "#);
    }
}
