//! A flow that is called as a function by another one: a flow run of its own, in the same
//! sandbox.

use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::{
    Error, ErrorKind, Result,
    arguments::{NamedArguments, from_json, resolve},
    bindings::types::Failure,
    current::{self, Place, Within, within},
    executor,
    host::{Handle, host},
    registry::Flow,
};

/// A subflow between its begin and its end. Dropped before its end, as by `select!`, it ends
/// as cancelled.
struct Subflow {
    handle: Handle,
    ended: bool,
}

impl Subflow {
    fn begin(flow: &'static Flow, parameters: &str) -> Result<Self> {
        let begun = host()
            .begin_subflow(flow.signature.name, parameters, current::scope())
            .map_err(|failure| Error::from_host(&failure))?;
        Ok(Self {
            handle: begun.handle,
            ended: false,
        })
    }

    fn end<T: DeserializeOwned>(mut self, outcome: Result<String>) -> Result<T> {
        self.ended = true;
        let outcome = outcome.map_err(Error::into_failure);
        let answer = host()
            .end_subflow(self.handle, outcome.as_deref())
            .map_err(|failure| Error::from_host(&failure))?;
        from_json(&answer)
    }
}

impl Drop for Subflow {
    fn drop(&mut self) {
        if !self.ended {
            let failure = Failure {
                kind: ErrorKind::Cancelled.into(),
                message: "its caller stopped waiting for it".into(),
            };
            // A failure is ignored: nothing is left that could report it.
            let _ = host().end_subflow(self.handle, Err(&failure));
        }
    }
}

fn refuse_in_task(flow: &'static Flow) -> Result<()> {
    match current::place() {
        Place::Task(task) => Err(Error::of_kind(
            ErrorKind::Refused,
            format!(
                "task `{task}` cannot call flow `{}`: only flows run subflows",
                flow.signature.name
            ),
        )),
        Place::Flow | Place::Outside => Ok(()),
    }
}

/// Calls a `fn` flow as a subflow.
pub fn call<T: DeserializeOwned>(flow: &'static Flow, arguments: NamedArguments) -> Result<T> {
    refuse_in_task(flow)?;
    let parameters = executor::block_on(resolve(arguments))??;
    let subflow = Subflow::begin(flow, &parameters)?;
    let outcome = within(subflow.handle, || (flow.signature.run)(&parameters));
    subflow.end(outcome)
}

/// Runs the body of an `async fn` flow on its JSON parameters.
pub type RunAsync = fn(String) -> LocalBoxFuture<'static, Result<String>>;

/// Calls an `async fn` flow as a subflow.
pub async fn call_async<T: DeserializeOwned>(
    flow: &'static Flow,
    run: RunAsync,
    arguments: NamedArguments,
) -> Result<T> {
    refuse_in_task(flow)?;
    let parameters = resolve(arguments).await?;
    let subflow = Subflow::begin(flow, &parameters)?;
    let future = Within {
        scope: subflow.handle,
        future: run(parameters),
    };
    let outcome = future.await;
    subflow.end(outcome)
}
