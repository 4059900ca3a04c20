//! What is asked of flow runs and task runs.

use model::{
    DeploymentName, FlowName, Json, PoolName, Priority, QueueName, RunName, TaskName, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ListOrder;
use crate::timeline::Show;

/// Which flow runs to list. A filter that is not given lets all through; of one that is given
/// several times, any may fit.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Only those in a state of this type, such as `FAILED`, or of this name, such as `Late`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<String>,
    /// Only those of this flow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<FlowName>,
    /// Only those of this deployment, `flow/deployment`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deployment: Vec<DeploymentName>,
    /// Only those of this work pool.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<PoolName>,
    /// Only those with this tag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag: Vec<String>,
    /// Only those that this run started: its id, the beginning of it, or its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Only those created then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only those created earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only those with this in their name, or whose id begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether runs come with their parameters and results, which may be large. Without,
    /// parameters are `{}`, and there is neither result nor failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<bool>,
    /// `newest-first` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<ListOrder>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the part before, with the same filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How much of a run to show.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InspectRun {
    /// Task runs: so many of the newest.
    #[param(maximum = 1000, default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_runs: Option<u32>,
    /// Whether to show the journal, too.
    pub journal: bool,
}

/// A run to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"parameters": {"item_id": 7}, "tags": ["by-hand"]}))]
pub struct StartRun {
    /// An object by name, over the defaults of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// A name instead of a generated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RunName>,
    /// Tags besides those of the deployment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When to start, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Timestamp>,
    /// If a run of the flow has this key already, that one is meant, and nothing is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The queue of the pool, instead of that of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<QueueName>,
    /// Within its queue, instead of that of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// How to try again.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRun {
    /// Whether to repeat what had completed, too.
    pub from_scratch: bool,
}

/// Which runs to count that have ended, by when they did.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TallyQuery {
    /// Only those of this flow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<FlowName>,
    /// Only those of this deployment, `flow/deployment`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deployment: Vec<DeploymentName>,
    /// A day before `to` unless it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Now unless it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Parts of equal width, in whole minutes.
    #[param(minimum = 1, maximum = 1000, default = 48)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins: Option<u32>,
}

/// Which part of a journal to read, in its order.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JournalQuery {
    /// Only entries after this position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most so many entries.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the part before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which task runs to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskRunQuery {
    /// Only those that this flow run, or a subflow within it, has called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run: Option<String>,
    /// Only those in a state of this type or name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<String>,
    /// Only those of this task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task: Vec<TaskName>,
    /// Only those with this in their name, or whose id begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `newest-first` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<ListOrder>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the part before, with the same filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How a timeline is to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// The attempt; the last one unless it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Only what lies after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Only what lies before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// `all` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show: Option<Show>,
    /// The groups whose members are shown, by their `key`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<u64>,
    /// How many members of each; 100 at least.
    #[param(default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<u32>,
    /// Whether gaps in which nothing happens are drawn narrow. They are unless it is `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<bool>,
    /// Leave so many rows out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<u32>,
}
