//! `suspend_for_input`: asking a person for a value.

use std::{marker::PhantomData, time::Duration};

use crate::{
    Error, ErrorKind, Result,
    arguments::to_json,
    bindings::inputs::InputRequest,
    current::{self, Place},
    deployment::Reply,
    executor::{self, Wait, has_settled},
    host::{Handle, host},
    schema, support, timer,
};

/// Suspends the flow until a person gives it a `T`, with
/// `orch-host flow-run resume RUN --input JSON`.
///
/// `key` names the input: to the person who gives it, and among others that the flow asks for
/// at the same time. The host refuses a value that does not fit the JSON schema of `T`. While
/// the flow waits it holds no slot, and after a moment no memory.
///
/// An `async` flow awaits it, others call [`wait`](SuspendForInput::wait). It asks when it is
/// first awaited; dropping it before there is an answer takes the request back.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Approval { approved: bool, note: Option<String> }
///
/// #[flow]
/// fn release(version: String) -> Result<String> {
///     let approval = suspend_for_input::<Approval>("approval")
///         .description(format!("Release {version}?"))
///         .timeout(Duration::from_secs(24 * 3600))
///         .wait()?;
///     ensure!(approval.approved, "{version} was not approved");
///     Ok(version)
/// }
/// ```
pub fn suspend_for_input<T: support::Input>(key: impl Into<String>) -> SuspendForInput<T> {
    SuspendForInput {
        key: key.into(),
        description: None,
        timeout: None,
        value: PhantomData,
    }
}

/// See [`suspend_for_input`].
#[must_use = "this suspends only when it is awaited, or by `.wait()`"]
pub struct SuspendForInput<T> {
    key: String,
    description: Option<String>,
    timeout: Option<Duration>,
    value: PhantomData<fn() -> T>,
}

impl<T: support::Input> SuspendForInput<T> {
    /// The text that the person reads.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// How long to wait at most. When the time is over, this is an error of kind
    /// [`TimedOut`](ErrorKind::TimedOut), and nobody can answer any more.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits for the input, blocking.
    pub fn wait(self) -> Result<T> {
        executor::block_on(self.run())?
    }

    async fn run(self) -> Result<T> {
        let request = self.request()?;
        Wait::any(vec![request.0]).await;
        let key = &self.key;
        match host().input_given(request.0) {
            Some(Ok(json)) => serde_json::from_str(&json).map_err(|error| {
                let ty = std::any::type_name::<T>();
                Error::invalid(format!("input `{key}` is not a `{ty}`: {error}"))
            }),
            Some(Err(failure)) => Err(Error::of_kind(
                failure.kind.into(),
                format!("input `{key}`: {}", failure.message),
            )),
            None => Err(Error::of_kind(
                ErrorKind::Crashed,
                format!("the host ended the wait for input `{key}`, and cannot say why"),
            )),
        }
    }

    fn request(&self) -> Result<Request> {
        if let Place::Task(task) = current::place() {
            let key = &self.key;
            return Err(Error::of_kind(
                ErrorKind::Refused,
                format!("task `{task}` cannot wait for input `{key}`: only flows do"),
            ));
        }
        let request = InputRequest {
            key: self.key.clone(),
            description: self.description.clone(),
            schema: to_json(&schema::of_input::<T>())?,
            timeout: self.timeout.map(timer::millis),
            scope: current::scope(),
        };
        let handle = host().request_input(&request);
        handle
            .map(Request)
            .map_err(|failure| Error::from_host(&failure))
    }
}

impl<T: support::Input + 'static> IntoFuture for SuspendForInput<T> {
    type Output = Result<T>;
    type IntoFuture = Reply<T>;

    fn into_future(self) -> Reply<T> {
        Reply::new(self.run())
    }
}

/// A request that is taken back when it is dropped before its wait has ended.
struct Request(Handle);

impl Drop for Request {
    fn drop(&mut self) {
        if !has_settled(self.0) {
            // The host refuses this for a request that has ended, which is harmless.
            let _ = host().withdraw_input(self.0);
        }
    }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
