//! Starting runs of deployments, and waiting for flow runs.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use futures::future::{FusedFuture, LocalBoxFuture, join_all};
use serde::Serialize;

use crate::{
    Error, ErrorKind, FlowRun, FlowRunId, Result,
    arguments::to_json,
    bindings::{
        deployments::{RunRequest, StartedRun},
        waiting::Settlement,
    },
    current::{self, Place},
    executor::{self, Wait, has_settled},
    finite,
    host::{Handle, host},
    object::Object,
    timer,
};

/// Starts a run of the deployment `flow/deployment`, which any worker of its pool may take,
/// and waits for it.
///
/// An `async` flow awaits it, others call [`wait`](RunDeployment::wait). Without a
/// [`timeout`](RunDeployment::timeout) it waits until the run has ended; whether it completed
/// is then told by [`FlowRun::result`].
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[flow]
/// async fn parent() -> Result<u64> {
///     let run = run_deployment("count/count-deployment").parameter("upto", 10).await?;
///     run.result()
/// }
/// ```
pub fn run_deployment(deployment: impl Into<String>) -> RunDeployment {
    RunDeployment {
        request: RunRequest {
            deployment: deployment.into(),
            parameters: String::new(),
            flow_run_name: None,
            tags: Vec::new(),
            scheduled_time: None,
            idempotency_key: None,
            work_queue: None,
            as_subflow: true,
            scope: None,
        },
        parameters: Ok(Object::default()),
        timeout: None,
    }
}

/// Starts many runs, each as its own [`run_deployment`] says, and waits for all of them
/// together. The answer has them in the same order. Errs if one cannot be started; the others
/// then run on.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[flow]
/// async fn parent() -> Result<Vec<u64>> {
///     let runs = (0..10).map(|n| run_deployment("square/square-deployment").parameter("n", n));
///     let runs = run_deployments(runs).await?;
///     runs.iter().map(FlowRun::result).collect()
/// }
/// ```
pub fn run_deployments(runs: impl IntoIterator<Item = RunDeployment>) -> RunDeployments {
    RunDeployments(runs.into_iter().collect())
}

/// Waits for flow runs, by their ids or as [`FlowRun`]s, until all have ended.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[flow]
/// fn parent() -> Result<usize> {
///     let started = run_deployments([
///         run_deployment("crawl/crawl-deployment").timeout(Duration::ZERO),
///         run_deployment("index/index-deployment").timeout(Duration::ZERO),
///     ]);
///     let runs = wait_for_flow_runs(&started.wait()?).wait()?;
///     Ok(runs.iter().filter(|run| run.state == State::Completed).count())
/// }
/// ```
pub fn wait_for_flow_runs<I>(runs: I) -> WaitForFlowRuns
where
    I: IntoIterator,
    I::Item: Into<FlowRunId>,
{
    WaitForFlowRuns {
        runs: runs.into_iter().map(Into::into).collect(),
        any: false,
        timeout: None,
    }
}

/// See [`run_deployment`].
#[must_use = "this starts a run only when it is awaited, or by `.wait()`"]
pub struct RunDeployment {
    request: RunRequest,
    /// Holds the first mistake, which is returned when the run is started.
    parameters: Result<Object>,
    timeout: Option<Duration>,
}

impl RunDeployment {
    /// Sets one parameter.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        if let Ok(parameters) = &mut self.parameters {
            match finite::to_raw(&value) {
                Ok(json) => {
                    parameters.insert(name, json);
                }
                Err(error) => self.parameters = Err(unwritable(&name, &error)),
            }
        }
        self
    }

    /// Sets many parameters, from anything that is written as a JSON object: `json!({..})`,
    /// a struct, a map.
    pub fn parameters(mut self, parameters: impl Serialize) -> Self {
        let added =
            finite::to_json(&parameters).and_then(|json| serde_json::from_str::<Object>(&json));
        match (&mut self.parameters, added) {
            (Ok(parameters), Ok(added)) => parameters.extend(added),
            (Ok(_), Err(error)) => self.parameters = Err(unwritable("parameters", &error)),
            (Err(_), _) => {}
        }
        self
    }

    /// How long to wait for the run. Zero: not at all. When the time is over, the run is
    /// returned as it is then, and runs on.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The run does not start before this time.
    pub fn scheduled_time(mut self, time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        self.request.scheduled_time = Some(since.map_or(0, timer::millis));
        self
    }

    /// The run's name, instead of a generated one.
    pub fn flow_run_name(mut self, name: impl Into<String>) -> Self {
        self.request.flow_run_name = Some(name.into());
        self
    }

    /// Adds tags to the run.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.request.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// A second request with the same key returns the run of the first request, and is refused
    /// if its parameters are others. If a child of this flow has the key and failed, a new attempt
    /// of the flow starts another, which has the key from then on.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.request.idempotency_key = Some(key.into());
        self
    }

    /// The queue of the work pool, instead of the deployment's own.
    pub fn work_queue(mut self, queue: impl Into<String>) -> Self {
        self.request.work_queue = Some(queue.into());
        self
    }

    /// Whether the run becomes a child of this one, shown below it and cancelled with it. It
    /// goes on when this one fails: the next attempt is given it.
    /// True unless said otherwise.
    pub fn as_subflow(mut self, as_subflow: bool) -> Self {
        self.request.as_subflow = as_subflow;
        self
    }

    /// Starts the run and waits for it, blocking.
    pub fn wait(self) -> Result<FlowRun> {
        executor::block_on(self.run())?
    }

    async fn run(self) -> Result<FlowRun> {
        let timeout = self.timeout;
        let started = self.start()?;
        finish(started, timeout).await
    }

    fn start(mut self) -> Result<StartedRun> {
        if let Place::Task(task) = current::place() {
            return Err(Error::of_kind(
                ErrorKind::Refused,
                format!(
                    "task `{task}` cannot start a run of `{}`: only flows start runs",
                    self.request.deployment
                ),
            ));
        }
        self.request.parameters = to_json(&self.parameters?)?;
        self.request.scope = current::scope();
        host()
            .run_deployment(&self.request)
            .map_err(|failure| Error::from_host(&failure))
    }
}

fn unwritable(what: &str, error: &serde_json::Error) -> Error {
    Error::invalid(format!("`{what}` cannot be written as JSON: {error}"))
}

async fn finish(started: StartedRun, timeout: Option<Duration>) -> Result<FlowRun> {
    let StartedRun { handle, run } = started;
    if timeout == Some(Duration::ZERO) {
        return Ok(run.into());
    }
    Deadline::start(timeout)?.wait_any(&[handle]).await;
    as_it_is(&run.id, handle)
}

/// The run as it was when its handle settled, or as it is now.
fn as_it_is(id: &str, handle: Handle) -> Result<FlowRun> {
    if let Some(Settlement::Run(run)) = has_settled(handle)
        .then(|| host().settled(handle))
        .flatten()
    {
        return Ok(run.into());
    }
    let run = host().get_run(id);
    run.map(Into::into)
        .map_err(|failure| Error::from_host(&failure))
}

/// A timer that ends a wait, where there is one.
struct Deadline(Option<Handle>);

impl Deadline {
    fn start(timeout: Option<Duration>) -> Result<Self> {
        timeout.map(timer::start).transpose().map(Self)
    }

    /// Waits until one of the handles has settled, or the time is over.
    async fn wait_any(&self, handles: &[Handle]) {
        Wait::any(handles.iter().copied().chain(self.0).collect()).await;
    }

    /// Waits until all of the handles have settled, or the time is over.
    async fn wait_all(&self, handles: &[Handle]) {
        let all = Wait::all(handles.to_vec());
        match self.0 {
            None => all.await,
            Some(timer) => {
                futures::future::select(all, Wait::any(vec![timer])).await;
            }
        }
    }
}

/// See [`run_deployments`].
#[must_use = "this starts runs only when it is awaited, or by `.wait()`"]
pub struct RunDeployments(Vec<RunDeployment>);

impl RunDeployments {
    /// Starts the runs and waits for them, blocking.
    pub fn wait(self) -> Result<Vec<FlowRun>> {
        executor::block_on(self.run())?
    }

    async fn run(self) -> Result<Vec<FlowRun>> {
        let mut started = Vec::new();
        for run in self.0 {
            let timeout = run.timeout;
            started.push((run.start()?, timeout));
        }
        if started.iter().all(|(_, timeout)| timeout.is_none()) {
            // One wait for all, instead of one for each that ends.
            let handles = started.iter().map(|(started, _)| started.handle).collect();
            Wait::all(handles).await;
        }
        let runs = started
            .into_iter()
            .map(|(started, timeout)| finish(started, timeout));
        join_all(runs).await.into_iter().collect()
    }
}

/// See [`wait_for_flow_runs`].
#[must_use = "this waits only when it is awaited, or by `.wait()`"]
pub struct WaitForFlowRuns {
    runs: Vec<FlowRunId>,
    any: bool,
    timeout: Option<Duration>,
}

impl WaitForFlowRuns {
    /// Waits until at least one run has ended, and returns all that have ended.
    pub fn any(mut self) -> Self {
        self.any = true;
        self
    }

    /// How long to wait at most. When the time is over, the runs are returned as they are
    /// then; with [`any`](Self::any), no run is returned.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits, blocking.
    pub fn wait(self) -> Result<Vec<FlowRun>> {
        executor::block_on(self.run())?
    }

    async fn run(self) -> Result<Vec<FlowRun>> {
        if self.runs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = self.runs.iter().map(ToString::to_string).collect();
        let handles = host()
            .wait_for_runs(&ids)
            .map_err(|failure| Error::from_host(&failure))?;
        let deadline = Deadline::start(self.timeout)?;
        if self.any {
            deadline.wait_any(&handles).await;
        } else {
            deadline.wait_all(&handles).await;
        }
        ids.iter()
            .zip(handles)
            .filter(|(_, handle)| !self.any || has_settled(*handle))
            .map(|(id, handle)| as_it_is(id, handle))
            .collect()
    }
}

/// The future of a builder.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Reply<T> {
    /// None once the future is done.
    future: Option<LocalBoxFuture<'static, Result<T>>>,
}

impl<T> Reply<T> {
    pub(crate) fn new(future: impl Future<Output = Result<T>> + 'static) -> Self {
        Self {
            future: Some(Box::pin(future)),
        }
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T> FusedFuture for Reply<T> {
    fn is_terminated(&self) -> bool {
        self.future.is_none()
    }
}

macro_rules! into_future {
    ($builder:ty => $output:ty) => {
        impl IntoFuture for $builder {
            type Output = Result<$output>;
            type IntoFuture = Reply<$output>;

            fn into_future(self) -> Reply<$output> {
                Reply::new(self.run())
            }
        }
    };
}

into_future!(RunDeployment => FlowRun);
into_future!(RunDeployments => Vec<FlowRun>);
into_future!(WaitForFlowRuns => Vec<FlowRun>);
