//! How things are now, and totals of runs that have ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FlowRunView, InputView, PoolView, View, views};
use crate::dashboard::Dashboard;
use model::{RunName, Timestamp};
use store::{Count, Tallies};

/// A number of things that is counted up to a limit.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct CountView {
    pub count: u64,
    /// There are, or may be, more.
    pub more: bool,
}

impl View for CountView {}

impl From<Count> for CountView {
    fn from(count: Count) -> Self {
        Self {
            count: count.count,
            more: count.more,
        }
    }
}

/// How many runs ended in each part of a span of time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TalliesView {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Of equal width, the earliest first.
    pub bins: Vec<BinView>,
}

impl View for TalliesView {}

/// How many runs ended in one part of it, by the types of their last states.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BinView {
    pub from: Timestamp,
    pub states: BTreeMap<String, TalliedView>,
}

/// Runs that ended alike.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct TalliedView {
    pub count: u64,
    /// How long their last attempts took together.
    pub total_ms: u64,
}

impl From<Tallies> for TalliesView {
    fn from(tallies: Tallies) -> Self {
        let bin = |(at, states): (usize, &store::ByState)| BinView {
            from: tallies.begin(at),
            states: states
                .iter()
                .map(|(state, tallied)| {
                    let tallied = TalliedView {
                        count: tallied.count,
                        total_ms: tallied.total_ms,
                    };
                    (state.as_str().to_owned(), tallied)
                })
                .collect(),
        };
        Self {
            from: tallies.from,
            to: tallies.end(),
            bins: tallies.bins.iter().enumerate().map(bin).collect(),
        }
    }
}

/// How things are now, and how they went in the last 24 hours.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DashboardView {
    pub running: CountView,
    /// Should have started by now.
    pub late: CountView,
    pub waiting: CountView,
    /// Will start, late ones included.
    pub scheduled: CountView,
    /// What runs ask people for, the latest first.
    pub inputs: Vec<AskedView>,
    /// Whether there are more.
    pub more_inputs: bool,
    /// Runs that failed or crashed, the latest first.
    pub failed: Vec<FlowRunView>,
    pub failed_count: CountView,
    pub ended: TalliesView,
    pub pools: Vec<PoolView>,
}

impl View for DashboardView {}

/// An input that is awaited, and the name of the run that asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AskedView {
    #[serde(flatten)]
    pub input: InputView,
    pub flow_run_name: Option<RunName>,
}

impl From<Dashboard> for DashboardView {
    fn from(it: Dashboard) -> Self {
        let asked = it.inputs.into_iter().map(|(input, run)| AskedView {
            input: input.into(),
            flow_run_name: run.map(|run| run.name),
        });
        Self {
            running: it.running.into(),
            late: it.late.into(),
            waiting: it.waiting.into(),
            scheduled: it.scheduled.into(),
            inputs: asked.collect(),
            more_inputs: it.more_inputs,
            failed: views(it.failed),
            failed_count: it.failed_count.into(),
            ended: it.ended.into(),
            pools: views(it.pools),
        }
    }
}
