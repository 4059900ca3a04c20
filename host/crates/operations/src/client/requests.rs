//! What is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    DeploymentName, FlowName, Json, LogLevel, PoolName, Role, RunId, RunName, TaskName, TaskRunId,
    Timestamp, TokenName,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Problem, ProblemKind};
use crate::timeline::Show;
use crate::view::FilterView;

/// How many items a listing gives if it is not said.
pub const LIMIT_DEFAULT: u32 = 100;
/// How many it gives at most.
pub const LIMIT_MAX: u32 = 1000;

/// In which direction a listing goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListOrder {
    #[default]
    NewestFirst,
    OldestFirst,
}

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
    /// For workers that pull from only one queue of the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<String>,
}

/// How to try again.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRun {
    /// Whether to repeat what had completed, too.
    pub from_scratch: bool,
}

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

/// Which lines of a run's log to read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Only lines of this level and above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Only lines of this task run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_run: Vec<TaskRunId>,
    /// Only lines of this target, and of those below it: `etl` has `etl::load`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// Only lines with this in their message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `oldest-first` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<ListOrder>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the part before, with the same filters; or its `newest`, for what was
    /// said since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What to tell of a run that is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WatchWhat {
    /// Its log, its states from the first, what it waits for, its children, until it ends.
    #[default]
    All,
    /// The same, but of its states up to now only the latest.
    Latest,
    /// Its log and its end.
    Lines,
    /// Its log up to now.
    Log,
    /// Its end, and what keeps it from being executed.
    End,
}

/// How to watch a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WatchQuery {
    /// `all` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<WatchWhat>,
    /// Only lines of this level and above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Only lines of this target, and of those below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// Only lines with this in their message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// With `log`, only so many of the last lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// After the event with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
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

/// Listings that are short, but may be read in parts all the same.
macro_rules! short_listings {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
        #[serde(default, deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            $(
                $(#[$field_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
            /// At most so many.
            #[param(minimum = 1, maximum = 1000, default = 100)]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub limit: Option<u32>,
            /// The `next` of the part before, with the same filters.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub cursor: Option<String>,
        }
    )*};
}
short_listings! {
    /// Which components to list, newest first.
    ComponentQuery {}
    /// Which deployments to list, by name.
    DeploymentQuery {
        /// Only those of this flow.
        flow: FlowName,
        /// Tell how so many of the latest runs of each have ended, from 0 to 100.
        latest: u32,
    }
    /// Which work pools to list, by name.
    PoolQuery {}
    /// Which workers to list, oldest first.
    WorkerQuery {
        /// Only those of this work pool.
        pool: PoolName,
    }
    /// Which actions on many runs to list, newest first.
    BulkQuery {}
    /// Which tokens to list, newest first.
    TokenQuery {}
    /// Which lines of the log of actions to list, newest first.
    AuditQuery {
        /// Only what the bearer of this token did.
        who: String,
        /// Only this operation, such as `cancel_flow_run`.
        action: String,
    }
}

/// What the tasks of a deployment may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrantsRequest {
    /// Hosts to which tasks may send HTTP requests: `host`, `host:port` or `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
}

/// Deployments to make, of flows of one component. What is left out goes back to its
/// default.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "component": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "pool": "default-pool"
}))]
pub struct DeployRequest {
    /// The digest of an uploaded component, or the beginning of it.
    pub component: String,
    /// Only these flows of it; none means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<String>,
    /// The part of the names after the slash, instead of `<flow>-deployment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default = "PoolName::default_pool")]
    pub pool: PoolName,
    /// Default parameters, by name.
    #[serde(default = "Json::empty_object")]
    pub parameters: Json,
    /// Default parameters of single flows, by the flows' names, in place of `parameters`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flow_parameters: BTreeMap<String, Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default)]
    pub grants: GrantsRequest,
    /// What it is for, instead of what the flow says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A change of a deployment. What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"pool": "gpu", "parameters": {"batch_size": 500}}))]
pub struct EditDeployment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// Default parameters, by name: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<GrantsRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A work pool to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "gpu", "limit": 4}))]
pub struct CreatePool {
    pub name: PoolName,
    /// Flow runs executed at once, over all of its workers. None: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether its runs wait until it is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// A change of a work pool. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"limit": 4, "paused": false}))]
pub struct ChangePool {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// `null` removes the limit.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub limit: Option<Option<u32>>,
}

/// Tells what is null from what is left out.
fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::<u32>::deserialize(value).map(Some)
}

/// A token to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ci", "role": "operator", "lasts_ms": 7_776_000_000_u64}))]
pub struct CreateToken {
    pub name: TokenName,
    pub role: Role,
    /// After how long it ends, 100 years at most. None: never.
    #[schema(maximum = 3_162_240_000_000_u64)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
}

impl CreateToken {
    pub fn lasts(&self) -> Option<Duration> {
        self.lasts_ms.map(Duration::from_millis)
    }
}

/// A request that is read from the query of a URL, where a name may be repeated.
pub trait QueryRequest: DeserializeOwned {
    fn from_query(query: &str) -> Result<Self, Problem> {
        serde_html_form::from_str(query).map_err(|err| {
            let detail = format!("the query is wrong: {err}");
            Problem::new(ProblemKind::InvalidQuery, detail)
                .hint("`/docs` has the filters of each listing")
        })
    }

    fn from_pairs(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let query = serde_html_form::to_string(pairs);
        Self::from_query(&query.map_err(|err| Problem::internal(err.to_string()))?)
    }
}

impl<T: DeserializeOwned> QueryRequest for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_null_is_not_one_that_is_left_out() {
        let read = |text: &str| serde_json::from_str::<ChangePool>(text).unwrap().limit;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"limit": null}"#), Some(None));
        assert_eq!(read(r#"{"limit": 3}"#), Some(Some(3)));
    }

    #[test]
    fn a_query_may_repeat_a_name() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = [
            pair("state", "FAILED"),
            pair("state", "Late"),
            pair("text", "a&b"),
        ];
        let query = RunQuery::from_pairs(&pairs).unwrap();
        assert_eq!(query.state, ["FAILED", "Late"]);
        assert_eq!(query.text.as_deref(), Some("a&b"));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        assert!(serde_json::from_str::<StartRun>(r#"{"parameter": {}}"#).is_err());
        assert!(serde_json::from_str::<RunQuery>(r#"{"flows": "etl"}"#).is_err());
    }
}
