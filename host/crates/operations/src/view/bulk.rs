//! Actions on many runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{DeploymentName, FlowName, PoolName, RunId, StateType, Timestamp};
use store::{BulkAction, BulkKind, BulkTarget, Left, RunFilter, Skipped};

/// An action on many runs, and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkActionView {
    pub id: String,
    /// `cancel`, `pause`, `resume`, `retry` or `delete`.
    pub action: String,
    /// Whether runs are tried again from scratch; only of `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_scratch: Option<bool>,
    pub asked: Timestamp,
    /// The name of who asked.
    pub by: String,
    /// `RUNNING`, `STOPPED` or `DONE`.
    pub state: String,
    /// How many runs were named. None: all that the filter lets through.
    pub runs: Option<u64>,
    /// None: the runs were named.
    pub filter: Option<FilterView>,
    /// Runs that it was done to.
    pub done: u64,
    /// Runs that were left alone.
    pub skipped: u64,
    /// Why they were.
    pub reasons: Vec<SkippedView>,
    /// How far it has looked: when the last run was created. None at the beginning and the end.
    pub searched_to: Option<Timestamp>,
    /// When this was so.
    pub at: Timestamp,
}

impl View for BulkActionView {}

/// A filter, by the names of the parameters of a listing. What is left out does not restrict.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FilterView {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<FlowName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployment: Vec<DeploymentName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<PoolName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl From<RunFilter> for FilterView {
    fn from(filter: RunFilter) -> Self {
        Self {
            state: filter.states.iter().map(ToString::to_string).collect(),
            flow: filter.flows,
            deployment: filter.deployments,
            pool: filter.pools,
            tag: filter.tags,
            parent: filter.parent,
            since: filter.since,
            until: filter.until,
            text: filter.text,
        }
    }
}

/// Runs that were left alone for one reason.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SkippedView {
    /// A word for programs, such as `over`.
    pub reason: String,
    /// The state that was in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The same for people.
    pub text: String,
    pub count: u64,
    /// Some of them.
    pub examples: Vec<RunId>,
}

impl From<(Skipped, Left)> for SkippedView {
    fn from((why, left): (Skipped, Left)) -> Self {
        let (reason, state): (_, Option<StateType>) = match why {
            Skipped::AlreadySo => ("already-so", None),
            Skipped::Over(state) => ("over", Some(state)),
            Skipped::NotOver(state) => ("not-over", Some(state)),
            Skipped::NotPaused(state) => ("not-paused", Some(state)),
            Skipped::State(state) => ("wrong-state", Some(state)),
            Skipped::WaitsForInput => ("waits-for-input", None),
            Skipped::Subflow => ("subflow", None),
            Skipped::Gone => ("gone", None),
            Skipped::EndedSince => ("ended-since", None),
        };
        Self {
            reason: reason.to_owned(),
            state: state.map(|state| state.as_str().to_owned()),
            text: why.to_string(),
            count: left.count,
            examples: left.examples,
        }
    }
}

impl From<BulkAction> for BulkActionView {
    fn from(action: BulkAction) -> Self {
        let (name, from_scratch) = match action.asked.kind {
            BulkKind::Cancel => ("cancel", None),
            BulkKind::Pause => ("pause", None),
            BulkKind::Resume => ("resume", None),
            BulkKind::Retry { from_scratch } => ("retry", Some(from_scratch)),
            BulkKind::Delete => ("delete", None),
        };
        let (runs, filter) = match action.asked.target {
            BulkTarget::Runs(runs) => (Some(runs.len() as u64), None),
            BulkTarget::All { filter, .. } => (None, Some(filter.into())),
        };
        let skipped = action.progress.skipped();
        let reasons = action.progress.skipped.into_iter();
        Self {
            id: action.asked.id.to_string(),
            action: name.to_owned(),
            from_scratch,
            asked: action.asked.at,
            by: action.asked.by,
            state: action.state.as_str().to_owned(),
            runs,
            filter,
            done: action.progress.done,
            skipped,
            reasons: reasons.map(SkippedView::from).collect(),
            searched_to: action.progress.searched_to,
            at: action.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, RUN, later, shown, uuid};
    use store::{BulkAsked, BulkId, BulkProgress, BulkState};

    fn action(kind: BulkKind, target: BulkTarget) -> BulkAction {
        let mut progress = BulkProgress {
            done: 7,
            searched_to: Some(AT),
            ..BulkProgress::default()
        };
        progress.skip(RunId(uuid(RUN)), Skipped::NotOver(StateType::Running));
        BulkAction {
            asked: BulkAsked {
                id: BulkId(uuid(RUN)),
                kind,
                target,
                at: AT,
                by: "ada".to_owned(),
            },
            state: BulkState::Running,
            progress,
            at: later(5),
        }
    }

    #[test]
    fn the_shape_of_an_action_on_many_runs() {
        let filter = RunFilter {
            states: vec![StateType::Failed.into()],
            flows: vec!["etl".parse().unwrap()],
            since: Some(AT),
            ..RunFilter::default()
        };
        let newest = store::Cursor::new(filter.fingerprint(), 5);
        let target = BulkTarget::All { filter, newest };
        let kind = BulkKind::Retry { from_scratch: true };
        insta::assert_snapshot!(shown(&BulkActionView::from(action(kind, target))), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "action": "retry",
          "from_scratch": true,
          "asked": "2023-11-14T22:13:20.123456Z",
          "by": "ada",
          "state": "RUNNING",
          "runs": null,
          "filter": {
            "state": [
              "FAILED"
            ],
            "flow": [
              "etl"
            ],
            "since": "2023-11-14T22:13:20.123456Z"
          },
          "done": 7,
          "skipped": 1,
          "reasons": [
            {
              "reason": "not-over",
              "state": "RUNNING",
              "text": "it is not over: Running",
              "count": 1,
              "examples": [
                "01920000-0000-7000-8000-000000000001"
              ]
            }
          ],
          "searched_to": "2023-11-14T22:13:20.123456Z",
          "at": "2023-11-14T22:13:20.128456Z"
        }
        "#);
        let target = BulkTarget::Runs(vec![RunId(uuid(RUN))]);
        let view = BulkActionView::from(action(BulkKind::Delete, target));
        assert_eq!((view.runs, view.from_scratch), (Some(1), None));
        assert!(view.filter.is_none());
    }
}
