//! What is asked of listings that are short.

use model::{ArtifactKey, FlowName, PoolName, TaskName, TaskRunId};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

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
    /// Which limits to list, by name.
    LimitQuery {}
    /// Which cached results to list, newest first.
    CacheQuery {
        /// Only those of tasks of this name.
        task: TaskName,
    }
    /// Which work pools to list, by name.
    PoolQuery {}
    /// Which queues of a work pool to list, by priority and name.
    QueueQuery {}
    /// Which schedules to list, by deployment and name.
    ScheduleQuery {
        /// Only those of this deployment: `flow/deployment`, or its flow if that has only one.
        deployment: String,
    }
    /// Which workers to list, oldest first.
    WorkerQuery {
        /// Only those of this work pool.
        pool: PoolName,
    }
    /// Which actions on many runs to list, newest first.
    BulkQuery {}
    /// Which artifacts to list: of each key the latest, by key; or those that are asked for, newest
    /// first.
    ArtifactQuery {
        /// All versions of this key.
        key: ArtifactKey,
        /// Those of this flow run, and of the subflows within it.
        flow_run: String,
        /// Those of this task run.
        task_run: TaskRunId,
    }
    /// Which variables to list, by name.
    VariableQuery {}
    /// Which secrets to list, by name.
    SecretQuery {}
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
