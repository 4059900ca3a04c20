//! How runs ended, and runs as a flow sees them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{
    DeploymentName, Failure, FailureKind, FlowName, Json, Outcome, RunId, RunName, RunSnapshot,
};

/// Why something did not succeed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// `error`, `permanent`, `panicked`, `timed-out`, `limit`, `crashed`, `cancelled`,
    /// `upstream`, `not-found`, `invalid` or `refused`.
    pub kind: Cow<'static, str>,
    pub message: String,
}

impl View for FailureView {}

impl From<Failure> for FailureView {
    fn from(failure: Failure) -> Self {
        Self {
            kind: word(failure.kind).into(),
            message: failure.message,
        }
    }
}

fn word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Error => "error",
        FailureKind::Permanent => "permanent",
        FailureKind::Panicked => "panicked",
        FailureKind::TimedOut => "timed-out",
        FailureKind::Limit => "limit",
        FailureKind::Crashed => "crashed",
        FailureKind::Cancelled => "cancelled",
        FailureKind::Upstream => "upstream",
        FailureKind::NotFound => "not-found",
        FailureKind::Invalid => "invalid",
        FailureKind::Refused => "refused",
    }
}

/// A result or a failure: `{"Ok": ..}` or `{"Err": {..}}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub enum OutcomeView {
    Ok(Json),
    Err(FailureView),
}

impl View for OutcomeView {}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(result) => Self::Ok(result),
            Err(failure) => Self::Err(failure.into()),
        }
    }
}

/// A flow run as another flow was told of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunSnapshotView {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    /// Left out for a subflow, and for a run of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentName>,
    /// As the `type` of a state.
    #[schema(value_type = model::StateType)]
    pub state: Cow<'static, str>,
    /// As the `name` of a state.
    pub state_name: String,
    /// Left out until it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeView>,
}

impl View for RunSnapshotView {}

impl From<RunSnapshot> for RunSnapshotView {
    fn from(run: RunSnapshot) -> Self {
        Self {
            id: run.id,
            name: run.name,
            flow: run.flow,
            deployment: run.deployment,
            state: run.state.as_str().into(),
            state_name: run.state_name.0.into_owned(),
            outcome: run.outcome.map(OutcomeView::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{failure, flow_run, shown};

    #[test]
    fn the_shapes_of_outcomes() {
        insta::assert_snapshot!(shown(&OutcomeView::from(Ok(Json::trusted("[1.50]")))), @r#"
        {
          "Ok": [1.50]
        }
        "#);
        insta::assert_snapshot!(shown(&OutcomeView::from(Err(failure()))), @r#"
        {
          "Err": {
            "kind": "timed-out",
            "message": "too slow"
          }
        }
        "#);
    }

    #[test]
    fn the_shape_of_a_run_as_a_flow_sees_it() {
        insta::assert_snapshot!(shown(&RunSnapshotView::from(flow_run().snapshot())), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "name": "silver-otter",
          "flow": "etl",
          "deployment": "etl/nightly",
          "state": "COMPLETED",
          "state_name": "Completed",
          "outcome": {
            "Ok": [1, 2]
          }
        }
        "#);
    }

    /// Programs compare these words.
    #[test]
    fn the_kinds_of_failures() {
        use FailureKind::*;
        let kinds = [
            Error, Permanent, Panicked, TimedOut, Limit, Crashed, Cancelled, Upstream, NotFound,
            Invalid, Refused,
        ];
        insta::assert_snapshot!(kinds.map(word).join(" "), @"error permanent panicked timed-out limit crashed cancelled upstream not-found invalid refused");
    }
}
