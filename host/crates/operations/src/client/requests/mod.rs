//! What is asked.

mod access;
mod bulk;
mod cache;
mod catalog;
mod events;
mod given;
mod kept;
mod limits;
mod listings;
mod pruning;
mod runs;
mod schedules;
mod watching;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemKind};

pub use access::CreateToken;
pub use bulk::{AskBulk, BulkVerb};
pub use cache::ClearCache;
pub use catalog::{
    ChangePool, ChangeQueue, CreatePool, CreateQueue, DeployRequest, EditDeployment, GrantsRequest,
};
pub use events::{EventQuery, RunEventQuery};
pub use kept::{SecretText, SetSecret, SetVariable};
pub use limits::{ChangeLimit, CreateLimit};
pub use listings::{
    ArtifactQuery, AuditQuery, BulkQuery, CacheQuery, ComponentQuery, DeploymentQuery, LimitQuery,
    PoolQuery, QueueQuery, ScheduleQuery, SecretQuery, TokenQuery, VariableQuery, WorkerQuery,
};
pub use pruning::{NotAnEnd, PruneRule, check_ends};
pub use runs::{
    InspectRun, JournalQuery, RetryRun, RunQuery, StartRun, TallyQuery, TaskRunQuery, TimelineQuery,
};
pub use schedules::{CreateSchedule, SlotQuery};
pub use watching::{LogQuery, WatchQuery, WatchWhat};

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

/// A request that is read from the query of a URL, where a name may be repeated.
pub trait QueryRequest: DeserializeOwned {
    fn from_query(query: &str) -> Result<Self, Problem> {
        serde_html_form::from_str(query).map_err(|err| {
            // What it calls a variant is one of several words.
            let why = err.to_string().replace("unknown variant", "unknown value");
            let detail = format!("the query is wrong: {why}");
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
