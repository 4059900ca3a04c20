//! Write flows and tasks for `orch-host` in Rust.

#[cfg(test)]
extern crate self as guest_sdk;

mod arguments;
mod bindings;
#[cfg(test)]
mod calls_tests;
mod context;
mod current;
mod deployment;
mod error;
mod executor;
#[cfg(test)]
mod fake;
mod flow_run;
mod guest;
mod host;
mod logger;
mod object;
mod registry;
mod schema;
mod subflow;
mod task;
mod timer;

pub use arguments::Argument;
pub use context::{RunContext, TaskContext, context};
pub use deployment::{
    Reply, RunDeployment, RunDeployments, WaitForFlowRuns, run_deployment, run_deployments,
    wait_for_flow_runs,
};
pub use error::{Context, Error, ErrorKind, Result};
pub use flow_run::{FlowRun, FlowRunId, State};
pub use guest_sdk_macros::{flow, task};
pub use task::{RetryDelay, TaskFuture, Upstream};
pub use timer::{Sleep, sleep};

/// Everything a flow's author needs, by name: `use guest_sdk::prelude::*;`
pub mod prelude {
    pub use std::time::{Duration, Instant, SystemTime};

    pub use futures::{
        future::{FutureExt, join, join_all, try_join, try_join_all},
        join,
        pin_mut,
        // Always polls in the order written, so that a replay takes the same branch.
        select_biased as select,
        stream::{FuturesUnordered, StreamExt},
        try_join,
    };
    pub use log::{debug, error, info, trace, warn};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::{
        Context, Error, ErrorKind, FlowRun, FlowRunId, Result, State, TaskFuture, bail, context,
        ensure, flow, run_deployment, run_deployments, sleep, task, wait_for_flow_runs,
    };
}

/// What the macros' output names. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        arguments::{Arguments, NamedArguments, RawArgument},
        executor::block_on,
        registry::{
            Flow, Parameter, Policy, Registered, Signature, Task, default_value, result_schema,
        },
        subflow::{call, call_async},
        support::{Failing, HasSubmit, finish, finish_async, json_of},
        task::CallOptions,
    };
    pub use futures::future::LocalBoxFuture;
    pub use inventory;
}

mod support;
