//! Write flows and tasks for `orch-host` in Rust.
//!
//! A *flow* is a function that decides what is done; a *task* is a function that does one
//! thing. Every task run, flow run and timer is written to the flow run's journal: after a
//! crash the flow runs again, takes finished results from its journal, and goes on where it
//! was.
//!
//! # A first flow
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! guest-sdk = { path = "../orch-host/guest-sdk" }    # or { git = ".." }
//! schemars = "1"                                     # these two for types of your own
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! ```no_run
//! use guest_sdk::prelude::*;
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Page { url: String, bytes: usize }
//!
//! /// Fetches one page.
//! #[task(retries = 3, retry_delay = "2s", timeout = "1m")]
//! fn fetch(url: String) -> Result<Page> {
//!     Ok(Page { bytes: url.len(), url })
//! }
//!
//! /// Adds up pages.
//! #[task]
//! fn total(pages: Vec<Page>) -> usize {
//!     pages.iter().map(|page| page.bytes).sum()
//! }
//!
//! /// Measures a site.
//! #[flow]
//! fn measure(urls: Vec<String>, #[default = 10] limit: usize) -> Result<usize> {
//!     let pages = fetch::map(urls.into_iter().take(limit)); // task runs, all at once
//!     info!("fetching {} pages", pages.len());
//!     total(pages) // one more, that starts when they have ended
//! }
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` makes a component of the crate, which
//! `orch-host deploy` takes. There is no `main`.
//!
//! # Tasks
//!
//! | | |
//! |---|---|
//! | `fetch(url)?` | a task run, waited for; of an `async fn` a future |
//! | `fetch::submit(url)` | a task run, as a [`TaskFuture`] |
//! | `fetch::map(urls)` | a task run for each item |
//! | `fetch::options().retries(5).wait_for([&other]).submit(url)` | the same with other options |
//! | `fetch::call(url)` | the plain function, for unit tests |
//!
//! A flow awaits a [`TaskFuture`], calls its [`result`](TaskFuture::result), or gives it to
//! another task in place of the value. See [`task`] for the options.
//!
//! # Flows
//!
//! | | |
//! |---|---|
//! | `measure(urls, 5)?` | from another flow of the crate: a subflow, in the same sandbox |
//! | [`run_deployment`]`("measure/measure-deployment")` | a run on any worker |
//! | [`run_deployments`]`([..])` | many at once |
//! | [`wait_for_flow_runs`]`(&runs)` | waits for all, or for any |
//! | [`sleep`]`(duration)` | a durable timer |
//! | [`suspend_for_input`]`::<Approval>("approval")` | a value that a person gives |
//! | [`context`]`()` | what the run may know of itself |
//!
//! Each is awaited in an `async fn` flow; `.wait()` blocks in a `fn` flow. `join_all`,
//! `select!` and friends of the `futures` crate are in the [`prelude`].
//!
//! # Large values
//!
//! [`blob::write`] keeps bytes apart from JSON, and returns a [`Blob`], which tasks, flows and runs
//! pass on. [`Bytes`] are for what fits into a parameter or a result.
//!
//! # What a flow must not do
//!
//! A flow is run again after a crash, and must then make the same calls in the same order.
//! It cannot do otherwise by accident: it sees no network, no files, no environment, and its
//! clock and random numbers repeat. Put side effects in tasks. A task may run twice when a
//! machine fails at the wrong moment: give its [`TaskContext::idempotency_key`] to services
//! that recognise a repeated request.
//!
//! # Tests
//!
//! In a native unit test, `my_task::call(..)` is the plain function, and a
//! [`Harness`](testing::Harness) runs a whole flow with its tasks: the test gives children,
//! inputs and variables, and time jumps. See [`testing`].
//!
//! # Size
//!
//! A component is some 350 KB; half as much with this in the workspace's `Cargo.toml`:
//!
//! ```toml
//! [profile.release]
//! opt-level = "s"
//! lto = true
//! codegen-units = 1
//! strip = true
//! ```

#[cfg(test)]
extern crate self as guest_sdk;

mod arguments;
pub mod artifact;
mod bindings;
pub mod blob;
mod bytes;
#[cfg(test)]
mod calls_tests;
mod concurrency;
mod context;
mod current;
mod deployment;
mod error;
mod executor;
#[cfg(test)]
mod fake;
mod finite;
mod flow_run;
mod guest;
mod host;
pub mod http;
mod input;
mod logger;
mod object;
mod parameter;
#[cfg(any(test, target_arch = "wasm32"))]
mod places;
#[cfg(target_arch = "wasm32")]
mod pollables;
mod registry;
mod schema;
mod secret;
mod subflow;
mod task;
mod task_arguments;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod timer;
mod variable;

pub use arguments::Argument;
pub use blob::Blob;
pub use bytes::Bytes;
pub use concurrency::{Concurrency, Slots, concurrency};
pub use context::{RunContext, TaskContext, context};
pub use deployment::{
    Reply, RunDeployment, RunDeployments, WaitForFlowRuns, run_deployment, run_deployments,
    wait_for_flow_runs,
};
pub use error::{Context, Error, ErrorKind, Result};
pub use flow_run::{FlowRun, FlowRunId, State};
pub use guest_sdk_macros::{flow, task};
pub use input::{SuspendForInput, suspend_for_input};
pub use secret::{Secret, secret};
pub use task::{RetryDelay, TaskFuture, Upstream};
pub use timer::{Sleep, sleep};
pub use variable::{variable, variable_or};

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
        Blob, Bytes, Context, Error, ErrorKind, FlowRun, FlowRunId, Result, Secret, State,
        TaskFuture, artifact, bail, blob, concurrency, context, ensure, flow, http, run_deployment,
        run_deployments, secret, sleep, suspend_for_input, task, variable, variable_or,
        wait_for_flow_runs,
    };
}

/// Items that the macros' output uses. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        arguments::{Arguments, NamedArguments, RawArgument},
        executor::block_on,
        parameter::{Parameter, default_value},
        registry::{Cache, Flow, Policy, Registered, Schedule, Signature, Task, result_schema},
        subflow::{call, call_async},
        support::{Failing, HasMap, HasSubmit, cache_key, json_of},
        task::{CallOptions, finish, finish_async},
    };
    pub use futures::future::LocalBoxFuture;
    pub use inventory;
}

mod support;
