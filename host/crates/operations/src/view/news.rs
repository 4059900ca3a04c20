//! What is new of a run that is watched.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::run::TallyView;
use super::{FlowRunView, InputView, LogView, StateView, View};
use model::{PoolName, RunName};

/// Something new of a flow run that is watched: an object with one field.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewsView {
    State {
        /// The name of the run.
        name: RunName,
        state: StateView,
    },
    /// Lines of its log, of its tasks and subflows too.
    Lines(Vec<SaidView>),
    /// It, or a subflow within it, waits for an input; `among` is everything that is awaited.
    Input {
        name: RunName,
        input: InputView,
        among: Vec<InputView>,
    },
    /// How many of its children are in each state.
    Children(TallyView),
    /// It, or one of its children, waits in a pool where nothing is executed.
    Stuck { pool: PoolName, why: StuckView },
    /// Nothing comes after this.
    Ended(Box<FlowRunView>),
}

impl View for NewsView {}

/// A line of a log, and who said it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SaidView {
    pub speaker: SpeakerView,
    pub line: LogView,
}

/// The run that said something, by its name where it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpeakerView {
    Flow(String),
    Task(String),
    Unknown,
}

/// What keeps the runs of a pool from being executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StuckView {
    Paused,
    NoWorker,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, flow_run, input, shown};
    use model::{State, StateType};

    #[test]
    fn the_shape_of_news() {
        let state = NewsView::State {
            name: flow_run().name,
            state: State::pending(AT).into(),
        };
        insta::assert_snapshot!(shown(&state), @r#"
        {
          "state": {
            "name": "silver-otter",
            "state": {
              "type": "PENDING",
              "name": "Pending",
              "at": "2023-11-14T22:13:20.123456Z"
            }
          }
        }
        "#);
        let stuck = NewsView::Stuck {
            pool: "p".parse().unwrap(),
            why: StuckView::NoWorker,
        };
        insta::assert_snapshot!(shown(&stuck), @r#"
        {
          "stuck": {
            "pool": "p",
            "why": "no-worker"
          }
        }
        "#);
    }

    #[test]
    fn news_are_read_as_they_are_written() {
        let all = [
            NewsView::Input {
                name: flow_run().name,
                input: input().into(),
                among: vec![input().into()],
            },
            NewsView::Children(TallyView(vec![(StateType::Running, 2)])),
            NewsView::Ended(Box::new(flow_run().into())),
        ];
        for news in all {
            let text = serde_json::to_string(&news).unwrap();
            let read: NewsView = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}
