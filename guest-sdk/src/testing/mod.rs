//! Unit tests of whole flows, natively and at once.
//!
//! A [`Harness`] runs a flow with its tasks in the test's own process: no component is built, no
//! host is started. Tasks run as they are, or a stand-in answers for those that need the outside.
//! Child runs, inputs, variables and secrets are the test's to give. Time is the test's, too: a
//! flow that sleeps for a day, a task with ten retries or a person who takes a week to answer
//! cost microseconds, and the clock of the harness shows how long it would have been.
//!
//! ```
//! use guest_sdk::{prelude::*, testing::Harness};
//!
//! #[task(retries = 3, retry_delay = "10m")]
//! fn price(item: String) -> Result<u64> {
//!     bail!("no shop can be asked for {item} here")
//! }
//!
//! #[flow]
//! fn buy(items: Vec<String>) -> Result<u64> {
//!     let prices = price::map(items);
//!     let approved: bool = suspend_for_input("approval").wait()?;
//!     ensure!(approved, "nobody wants to pay");
//!     prices.iter().map(|price| price.result()).sum()
//! }
//!
//! # fn main() {
//! let test = Harness::new();
//! test.task("price", |arguments| {
//!     let item = arguments["item"].as_str().unwrap_or_default();
//!     Ok(item.len())
//! });
//! test.input("approval", true).takes(Duration::from_secs(24 * 3600));
//!
//! let paid = test.run(|| buy::call(vec!["tea".into(), "bread".into()]));
//!
//! assert_eq!(paid.unwrap(), 8);
//! assert_eq!(test.elapsed(), Duration::from_secs(24 * 3600));
//! assert_eq!(test.task_runs().len(), 2);
//! # }
//! ```
//!
//! # What is as in `orch-host`
//!
//! Calls settle in the order of time. Tasks wait for what they need, and are tried again as their
//! options say, without jitter. A task that panics has failed; one that sleeps for longer than its
//! timeout has timed out. Keys of runs, a failed upstream task, cancelling and tasks that nobody
//! waits for have the same effects, kinds and messages.
//!
//! # What is not
//!
//! One attempt of the flow is run, once: whether it makes the same calls when it is replayed is
//! tried by `orch-host flow-run replay`. Values are not checked against schemas. A task takes no
//! time except what it sleeps or [`takes`](StandIn::takes). `SystemTime::now()` is the real clock.
//! Requests and blobs need the outside: give their tasks a stand-in.

mod answers;
mod calls;
mod children;
mod harness;
mod hosting;
mod inputs;
mod report;
mod stage;
mod tasks;
mod world;

pub use answers::StandIn;
pub use harness::Harness;
pub use report::{Artifact, ChildRun, LogLine, TaskRun};

#[cfg(test)]
mod tests;
