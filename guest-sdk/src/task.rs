//! Task runs: how a flow starts them, and the future of their result.

use std::{
    cell::RefCell,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{FusedFuture, LocalBoxFuture};
use serde::de::DeserializeOwned;

use crate::{
    Error, ErrorKind, Result,
    arguments::{self, NamedArguments},
    bindings::{
        tasks::{self, TaskCall},
        types::Failure,
    },
    current::{self, Place},
    executor,
    host::{Handle, host},
    registry::Task,
    support,
};

/// A task run that was started, and the future of its result.
///
/// It is a `Future` of `Result<T>` for `async` flows; in others, [`result`](Self::result)
/// waits for it. It can be given to another task in place of the value: that task then starts
/// when this one has succeeded.
///
/// Dropping it does not stop the task. What has not ended when the flow returns is cancelled: wait
/// for its result, or [`detach`](Self::detach) it.
#[must_use = "a task that nobody waits for is cancelled when the flow returns: wait for its \
              `.result()`, or `.detach()` it"]
pub struct TaskFuture<T> {
    started: Result<Handle, Failure>,
    waiting: Option<LocalBoxFuture<'static, Result<String>>>,
    done: bool,
    result: PhantomData<fn() -> T>,
}

impl<T> TaskFuture<T> {
    fn new(started: Result<Handle, Failure>) -> Self {
        Self {
            started,
            waiting: None,
            done: false,
            result: PhantomData,
        }
    }

    pub(crate) fn handle(&self) -> Result<Handle> {
        self.started.as_ref().copied().map_err(Error::from_host)
    }
}

impl<T: DeserializeOwned> TaskFuture<T> {
    /// Waits until the task has ended, and returns its result. It may be called again.
    ///
    /// This blocks; an `async` flow awaits the future instead.
    pub fn result(&self) -> Result<T> {
        let handle = self.handle()?;
        let json = executor::block_on(arguments::result_json(handle))??;
        arguments::from_json(&json)
    }
}

impl<T> TaskFuture<T> {
    /// Cancels the task, retries included: its result is an error of kind
    /// [`Cancelled`](ErrorKind::Cancelled) then, and what needs it is not started. A task that has
    /// ended stays what it is.
    ///
    /// # Errors
    ///
    /// The task was not started.
    pub fn cancel(&self) -> Result<()> {
        let handle = self.handle()?;
        host()
            .cancel_task(handle)
            .map_err(|failure| Error::from_host(&failure))
    }

    /// Lets the task go on when the flow returns. The run is over once it has ended; what it gives
    /// then, an error too, concerns nobody.
    pub fn detach(self) {
        if let Ok(handle) = self.started {
            DETACHED.with_borrow_mut(|detached| detached.push(handle));
        }
    }
}

thread_local! {
    static DETACHED: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
}

/// Nothing was detached by the flow that begins.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn forget_detached() {
    DETACHED.take();
}

/// Waits until all tasks have ended that the flow has detached.
pub(crate) fn await_detached() -> Result<()> {
    match DETACHED.take() {
        detached if detached.is_empty() => Ok(()),
        detached => executor::block_on(executor::Wait::all(detached)),
    }
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self::new(self.started.clone())
    }
}

impl<T: DeserializeOwned> Future for TaskFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = &mut *self;
        let polled = match &this.started {
            Err(failure) => Poll::Ready(Err(Error::from_host(failure))),
            Ok(handle) => this
                .waiting
                .get_or_insert_with(|| Box::pin(arguments::result_json(*handle)))
                .as_mut()
                .poll(cx),
        };
        polled.map(|json| {
            this.waiting = None;
            this.done = true;
            arguments::from_json(&json?)
        })
    }
}

/// `(&future).await` leaves the future for later uses.
impl<T: DeserializeOwned> IntoFuture for &TaskFuture<T> {
    type Output = Result<T>;
    type IntoFuture = TaskFuture<T>;

    fn into_future(self) -> TaskFuture<T> {
        self.clone()
    }
}

impl<T: DeserializeOwned> FusedFuture for TaskFuture<T> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

/// A direct call of a `fn` task.
pub fn finish<T: support::Value>(future: TaskFuture<T>) -> Result<T> {
    future.result()
}

/// A direct call of an `async fn` task.
pub async fn finish_async<T: support::Value>(future: TaskFuture<T>) -> Result<T> {
    future.await
}

/// What a task can wait for without taking its value: a [`TaskFuture`] of any type.
pub trait Upstream {
    #[doc(hidden)]
    fn upstream(&self) -> Result<Handle>;
}

impl<T> Upstream for TaskFuture<T> {
    fn upstream(&self) -> Result<Handle> {
        self.handle()
    }
}

impl<U: Upstream> Upstream for &U {
    fn upstream(&self) -> Result<Handle> {
        (**self).upstream()
    }
}

/// One wait before every retry, or a list of which the last one repeats.
pub struct RetryDelay(Vec<Duration>);

impl From<Duration> for RetryDelay {
    fn from(delay: Duration) -> Self {
        Self(vec![delay])
    }
}

impl<const N: usize> From<[Duration; N]> for RetryDelay {
    fn from(delays: [Duration; N]) -> Self {
        Self(delays.into())
    }
}

impl From<Vec<Duration>> for RetryDelay {
    fn from(delays: Vec<Duration>) -> Self {
        Self(delays)
    }
}

/// The options that one call of a task overrides. `my_task::options()` makes one.
#[doc(hidden)]
#[derive(Clone)]
pub struct CallOptions {
    options: tasks::TaskOptions,
    wait_for: Result<Vec<Handle>>,
}

impl CallOptions {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            options: tasks::TaskOptions {
                retries: None,
                retry_delays: Vec::new(),
                retry_jitter: None,
                timeout: None,
                task_run_name: None,
                tags: Vec::new(),
            },
            wait_for: Ok(Vec::new()),
        }
    }

    pub fn retries(&mut self, retries: u32) {
        self.options.retries = Some(retries);
    }

    pub fn retry_delay(&mut self, delay: RetryDelay) {
        self.options.retry_delays = delay.0.into_iter().map(crate::timer::millis).collect();
    }

    pub fn retry_jitter(&mut self, fraction: f64) {
        self.options.retry_jitter = Some(fraction);
    }

    pub fn timeout(&mut self, timeout: Duration) {
        self.options.timeout = Some(crate::timer::millis(timeout));
    }

    pub fn task_run_name(&mut self, name: String) {
        self.options.task_run_name = Some(name);
    }

    pub fn tag(&mut self, tag: String) {
        self.options.tags.push(tag);
    }

    pub fn wait_for(&mut self, upstream: &impl Upstream) {
        match (&mut self.wait_for, upstream.upstream()) {
            (Ok(handles), Ok(handle)) => handles.push(handle),
            (Ok(_), Err(error)) => self.wait_for = Err(error),
            (Err(_), _) => {}
        }
    }

    /// Starts the task run. An error is returned by the future.
    pub fn submit<T>(self, task: &'static Task, arguments: NamedArguments) -> TaskFuture<T> {
        TaskFuture::new(self.start(task, arguments).map_err(|error| Failure {
            kind: error.kind().into(),
            message: format!("{error:#}"),
        }))
    }

    fn start(self, task: &'static Task, arguments: NamedArguments) -> Result<Handle> {
        let name = task.signature.name;
        if let Place::Task(caller) = current::place() {
            return Err(Error::of_kind(
                ErrorKind::Refused,
                format!(
                    "task `{caller}` cannot call task `{name}`: only flows start tasks; \
                     `{name}::call` runs the plain function, or let the flow call both"
                ),
            ));
        }
        let arguments = arguments
            .into_iter()
            .map(|(name, argument)| Ok((name.to_owned(), argument?.0)))
            .collect::<Result<Vec<_>>>()?;
        let mut options = self.options;
        if options.task_run_name.is_none() {
            options.task_run_name = task.task_run_name.map(|name| render(name, &arguments));
        }
        let call = TaskCall {
            task: name.into(),
            arguments,
            wait_for: self.wait_for?,
            options,
            scope: current::scope(),
        };
        host()
            .submit(&call)
            .map_err(|failure| Error::from_host(&failure))
    }
}

/// Puts the arguments into a name like `load-{table}`. Where the argument is a task's future
/// result, the braces stay as they are written.
fn render(template: &str, arguments: &[(String, tasks::Argument)]) -> String {
    let mut name = template.to_owned();
    for (parameter, argument) in arguments {
        if let tasks::Argument::Value(json) = argument {
            let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.clone());
            name = name.replace(&format!("{{{parameter}}}"), &text);
        }
    }
    name
}

/// The builder of a task's options. It is made beside the task, so that its `submit` can have
/// the task's own parameters.
#[doc(hidden)]
#[macro_export]
macro_rules! __task_options {
    ($($vis:tt)*) => {
        /// How one call of the task is run. Options that are not set stay as in `#[task(..)]`.
        #[derive(Clone)]
        #[allow(dead_code)]
        #[must_use = "options start nothing; `submit`, `map` or `call` does"]
        $($vis)* struct __Options($crate::__private::CallOptions);

        impl __Options {
            /// Attempts beyond the first.
            $($vis)* fn retries(mut self, retries: u32) -> Self {
                self.0.retries(retries);
                self
            }

            /// The wait before each retry: one, or a list of which the last one repeats.
            $($vis)* fn retry_delay(
                mut self,
                delay: impl ::core::convert::Into<$crate::RetryDelay>,
            ) -> Self {
                self.0.retry_delay(delay.into());
                self
            }

            /// Makes each wait longer by up to this fraction of itself, at random.
            $($vis)* fn retry_jitter(mut self, fraction: f64) -> Self {
                self.0.retry_jitter(fraction);
                self
            }

            /// How long one attempt may take.
            $($vis)* fn timeout(mut self, timeout: ::core::time::Duration) -> Self {
                self.0.timeout(timeout);
                self
            }

            /// The task run's name.
            $($vis)* fn task_run_name(
                mut self,
                name: impl ::core::convert::Into<::std::string::String>,
            ) -> Self {
                self.0.task_run_name(name.into());
                self
            }

            /// Adds tags to the task run.
            $($vis)* fn tags<T: ::core::convert::Into<::std::string::String>>(
                mut self,
                tags: impl ::core::iter::IntoIterator<Item = T>,
            ) -> Self {
                for tag in tags {
                    self.0.tag(tag.into());
                }
                self
            }

            /// Starts the task only when these have succeeded. May be called more than once.
            $($vis)* fn wait_for<U: $crate::Upstream>(
                mut self,
                upstream: impl ::core::iter::IntoIterator<Item = U>,
            ) -> Self {
                for upstream in upstream {
                    self.0.wait_for(&upstream);
                }
                self
            }
        }
    };
}
