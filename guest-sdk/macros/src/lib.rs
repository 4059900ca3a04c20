//! `#[flow]` and `#[task]`, the attributes of `guest-sdk`.
//!
//! Both turn a function `f` into three things: the function that its callers see, which
//! starts a run; an empty type of the same name that has everything else (`f::submit`,
//! `f::call`, ..), which Rust allows, because functions and types do not share a namespace;
//! and an entry in the component's manifest. A type rather than a module, because a module
//! would see its surroundings through `super`, which is not there inside a function.

mod flow;
mod options;
mod parts;
mod signature;
mod task;

use proc_macro::TokenStream;

/// Makes a function a task: one durable step of a flow, run in an instance of its own.
///
/// ```ignore
/// #[task(retries = 3, retry_delay = "2s", timeout = "1m")]
/// fn fetch(url: String) -> Result<Vec<u8>> { .. }
/// ```
///
/// Calling it, `fetch("..")?`, starts a task run and waits for it. If it is an `async fn`, the
/// call is a future. Besides, there are
///
/// - `fetch::submit(url)`: starts a task run and returns its `TaskFuture` at once;
/// - `fetch::map(urls)`: submits one task run for each item, or each tuple of arguments;
/// - `fetch::options().retries(5).submit(url)`: the same with other options for this call,
///   also with `.map(..)` and `.call(..)`;
/// - `fetch::call(url)`: runs the plain function, for unit tests.
///
/// A `TaskFuture` can be given in place of any argument. The doc comment becomes the task's
/// description. Parameters are owned types with serde's and schemars' derives.
///
/// | option | meaning |
/// |---|---|
/// | `name = ".."` | the task's name; by default the function's |
/// | `retries = 3` | attempts beyond the first |
/// | `retry_delay = "2s"` | the wait before each retry; `["1s", "5s"]` names each, the last repeats; `exponential("1s")` doubles |
/// | `retry_jitter = 0.5` | makes each wait longer by up to this fraction of itself |
/// | `retry_if = path` | a `fn(&Error) -> bool`; false makes the error permanent |
/// | `timeout = "1m"` | how long one attempt may take |
/// | `task_run_name = "load-{table}"` | the run's name, with arguments in braces |
/// | `tags = ["slow"]` | tags of every run; limit `tag:slow`, if there is one, counts them |
/// | `limits = ["database"]` | the limits of which each attempt takes a slot |
/// | `cache = inputs` | keeps results for other runs with the same arguments |
/// | `cache_key = \|args\| ..` | keeps them under a text that this makes of the arguments, `args.url` |
/// | `cache_expiration = "1h"` | how long a result is used; by default until it is cleared |
/// | `cache_lock = true` | of several runs that find no result one computes it, and the others wait |
/// | `version = ".."` | shown to people; cached results count for one component, or as long as this stays |
/// | `description = ".."` | shown to people |
#[proc_macro_attribute]
pub fn task(options: TokenStream, function: TokenStream) -> TokenStream {
    task::expand(options.into(), function.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes a function a flow, which the host can run and other flows can call.
///
/// ```ignore
/// #[flow(name = "nightly", timeout = "2h")]
/// async fn nightly(day: String, #[default = 10] limit: u32) -> Result<Report> { .. }
/// ```
///
/// The doc comment becomes the flow's description, and the parameters become its JSON schema:
/// an `Option`, or one with `#[default = ..]`, may be left out when a run is started.
///
/// Calling it from another flow of the crate runs it as a subflow, in the same sandbox but
/// as a flow run of its own. `retries` and `timeout` are for runs of its deployment.
/// `nightly::call(..)` runs the plain function, for unit tests.
///
/// | option | meaning |
/// |---|---|
/// | `name = ".."` | the flow's name; by default the function's, with hyphens |
/// | `retries`, `retry_delay`, `retry_jitter` | as for `#[task]` |
/// | `timeout = "2h"` | how long one attempt may take |
/// | `limits = ["database"]` | the limits of which each run takes a slot, unless its deployment says otherwise |
/// | `schedule(cron = "0 9 * * 1-5", timezone = "Europe/Berlin")` | what a deployment gets unless it says otherwise; also `interval = "15m"` and `rrule = ".."`, and several |
/// | `version = ".."`, `description = ".."` | shown to people |
#[proc_macro_attribute]
pub fn flow(options: TokenStream, function: TokenStream) -> TokenStream {
    flow::expand(options.into(), function.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
