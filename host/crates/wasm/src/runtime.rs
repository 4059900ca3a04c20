//! The runtime of a process: one engine, what it has compiled, and room for instances.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::bindings::{ComponentPre, guest as wit};
use super::cache::CodeCache;
use super::config::RuntimeConfig;
use super::engine::Engine;
use super::guest::{Guest, Role};
use super::halt::failure_of;
use super::meter::metered;
use super::port::{FlowPort, GuestLine, LogFull, LogSink, RunContext, Surroundings, TaskContext};
use super::prepared::{PrepareError, Prepared, link};
use super::{ComponentError, DescribeLimits, Limits, convert, host, inspect};
use model::{Digest, Failure, FailureKind, FlowName, Grants, Json, Manifest, Outcome, TaskName};

/// How many prepared components are kept in memory.
const PREPARED_MAX: u64 = 1000;

/// The runtime of this process.
pub struct Runtime {
    engine: Engine,
    limits: Arc<Limits>,
    describe_limits: DescribeLimits,
    code: CodeCache,
    flow_linker: Linker<Guest>,
    task_linker: Linker<Guest>,
    prepared: moka::future::Cache<Digest, Arc<Prepared>>,
    /// Limits the instances. To wait for room is no error and costs nothing, since it
    /// happens before instantiation.
    flow_room: Arc<Semaphore>,
    task_room: Arc<Semaphore>,
    room: Instances,
}

/// How many instances are alive, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instances {
    pub flows: usize,
    pub tasks: usize,
}

/// How the execution of a flow ended.
#[derive(Clone, Debug)]
pub enum FlowEnd {
    Returned(Outcome),
    /// The port ended the flow, and knows why.
    Interrupted,
    /// The future `stop` ended the flow.
    Stopped,
}

/// Room for one flow instance.
pub struct FlowRoom(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

/// One execution of a flow.
pub struct FlowStart {
    /// The room is free again when the execution is over.
    pub room: FlowRoom,
    pub flow: FlowName,
    pub parameters: Json,
    pub around: Surroundings,
}

/// One attempt of a task.
pub struct TaskStart {
    /// Of the flow's run.
    pub context: Arc<RunContext>,
    pub task: TaskContext,
    pub arguments: Json,
    pub logs: Arc<dyn LogSink>,
    pub grants: Grants,
    pub timeout: Option<Duration>,
}

impl Runtime {
    /// Sets the engine up. Errs where the machine lacks what it needs, such as address
    /// space.
    pub fn new(config: RuntimeConfig) -> anyhow::Result<Arc<Self>> {
        let engine = Engine::new(&config)?;
        Ok(Arc::new(Self {
            code: CodeCache::new(config.cache_dir.as_deref(), engine.wasmtime()),
            flow_linker: host::flow_linker(engine.wasmtime())?,
            task_linker: host::task_linker(engine.wasmtime())?,
            prepared: moka::future::Cache::new(PREPARED_MAX),
            flow_room: Arc::new(Semaphore::new(config.flows_max as usize)),
            task_room: Arc::new(Semaphore::new(config.tasks_max as usize)),
            room: Instances {
                flows: config.flows_max as usize,
                tasks: config.tasks_max as usize,
            },
            limits: Arc::new(config.limits),
            describe_limits: config.describe_limits,
            engine,
        }))
    }

    /// How many are alive.
    pub fn instances(&self) -> Instances {
        let used = |room: usize, free: &Semaphore| room.saturating_sub(free.available_permits());
        Instances {
            flows: used(self.room.flows, &self.flow_room),
            tasks: used(self.room.tasks, &self.task_room),
        }
    }

    /// How many may be at once.
    pub fn room(&self) -> Instances {
        self.room
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits for room for a flow instance. If there is none, it calls `make_room`, which may
    /// drop an instance that only waits.
    pub async fn flow_room(&self, make_room: impl FnOnce()) -> FlowRoom {
        if let Ok(room) = Arc::clone(&self.flow_room).try_acquire_owned() {
            return FlowRoom(room);
        }
        make_room();
        FlowRoom(room(&self.flow_room).await)
    }

    /// Checks that the bytes are a component for this host, compiles it into the cache and
    /// calls its `describe`, under limits of its own.
    pub async fn describe(&self, bytes: &[u8]) -> Result<Manifest, ComponentError> {
        inspect::bytes(bytes)?;
        let component = self.compiled(Digest::of(bytes), bytes.to_vec()).await?;
        let pre = link(&self.flow_linker, &component)?;
        link(&self.task_linker, &component)?;
        let described = self.call_describe(&pre).await?;
        convert::manifest(described).map_err(|bad| ComponentError::Declaration {
            kind: bad.kind,
            name: bad.name,
            reason: bad.reason,
        })
    }

    async fn call_describe(
        &self,
        pre: &ComponentPre<Guest>,
    ) -> Result<wit::Manifest, ComponentError> {
        let _ticking = self.engine.ticking();
        let around = Surroundings {
            run: None,
            logs: Arc::new(NoLog),
            grants: Grants::default(),
            replayable: None,
        };
        let role = Role::Describe(self.describe_limits.clone());
        let mut store = Guest::store(&self.engine, &self.limits, role, around);
        let meter = store.data().meter();
        let described = async {
            let instance = pre.instantiate_async(&mut store).await?;
            let guest = instance.orch_workflow_guest();
            guest.call_describe(&mut store).await
        };
        let described = metered(None, meter, described).await;
        described.map_err(|err| {
            let panic = store.data_mut().panic.take();
            let failure = failure_of(&err, panic, &self.limits, store.hostcall_fuel());
            ComponentError::Describe(failure.map_or("interrupted".to_owned(), |it| it.message))
        })
    }

    /// The component of this digest, ready to run. `fetch` gives its manifest and its bytes
    /// if they are needed.
    pub async fn prepare<F>(
        &self,
        digest: Digest,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<Prepared>, PrepareError>
    where
        F: Future<Output = Result<(Manifest, Vec<u8>), PrepareError>>,
    {
        if let Some(prepared) = self.prepared.get(&digest).await {
            return Ok(prepared);
        }
        let prepare = async {
            let (manifest, bytes) = fetch().await?;
            let failed = |error| PrepareError::Component { digest, error };
            let component = self.compiled(digest, bytes).await.map_err(failed)?;
            Ok(Arc::new(Prepared {
                flow: link(&self.flow_linker, &component).map_err(failed)?,
                task: link(&self.task_linker, &component).map_err(failed)?,
                manifest: Arc::new(manifest),
            }))
        };
        let prepared = self.prepared.try_get_with(digest, prepare).await;
        prepared.map_err(|err: Arc<PrepareError>| (*err).clone())
    }

    async fn compiled(&self, digest: Digest, bytes: Vec<u8>) -> Result<Component, ComponentError> {
        if let Some(component) = self.code.load(self.engine.wasmtime(), digest) {
            return Ok(component);
        }
        // Compiling would keep everything else on this thread waiting.
        tokio::task::block_in_place(|| self.code.compile(self.engine.wasmtime(), digest, &bytes))
    }

    /// Runs a flow until it returns, its port interrupts it, or `stop` completes. Gives the
    /// port back.
    pub async fn run_flow<P: FlowPort>(
        &self,
        prepared: &Prepared,
        start: FlowStart,
        port: P,
        stop: impl Future<Output = ()>,
    ) -> (FlowEnd, P) {
        let _ticking = self.engine.ticking();
        let role = Role::Flow(Box::new(port));
        let mut store = Guest::store(&self.engine, &self.limits, role, start.around);
        let call = call_flow(&prepared.flow, &mut store, &start.flow, &start.parameters);
        let returned = tokio::select! {
            returned = call => Some(returned),
            () = stop => None,
        };
        let end = match returned {
            None => FlowEnd::Stopped,
            Some(returned) => match self.outcome(&mut store, "the flow's result", returned) {
                Some(outcome) => FlowEnd::Returned(outcome),
                None => FlowEnd::Interrupted,
            },
        };
        (end, port_of(store))
    }

    /// Runs one attempt of a task.
    pub async fn run_task(&self, prepared: &Prepared, start: TaskStart) -> Outcome {
        let _room = room(&self.task_room).await;
        let _ticking = self.engine.ticking();
        let task = start.task.task.clone();
        let around = Surroundings {
            run: Some(start.context.run),
            logs: start.logs,
            grants: start.grants,
            replayable: None,
        };
        let role = Role::Task(Box::new((start.context, start.task)));
        let mut store = Guest::store(&self.engine, &self.limits, role, around);
        let call = call_task(&prepared.task, &mut store, &task, &start.arguments);
        let returned = match start.timeout {
            Some(timeout) => match tokio::time::timeout(timeout, call).await {
                Ok(returned) => returned,
                Err(_) => return Err(timed_out("the attempt", timeout)),
            },
            None => call.await,
        };
        let what = format!("the result of task `{task}`");
        self.outcome(&mut store, &what, returned)
            .unwrap_or_else(|| Err(Failure::new(FailureKind::Crashed, "interrupted")))
    }

    /// The outcome for the end of a call. `None`: the port interrupted the call.
    fn outcome(
        &self,
        store: &mut Store<Guest>,
        what: &str,
        returned: wasmtime::Result<Result<String, super::bindings::types::Failure>>,
    ) -> Option<Outcome> {
        match returned {
            Ok(Ok(text)) => {
                let what = || what.to_owned();
                Some(convert::bounded_json(&self.limits, &what, text))
            }
            Ok(Err(failure)) => Some(Err(convert::failure(failure))),
            Err(err) => {
                let panic = store.data_mut().panic.take();
                failure_of(&err, panic, &self.limits, store.hostcall_fuel()).map(Err)
            }
        }
    }
}

/// The failure of an attempt that took too long.
pub fn timed_out(what: &str, timeout: Duration) -> Failure {
    Failure::new(
        FailureKind::TimedOut,
        format!(
            "{what} took longer than its timeout of {}",
            humantime::format_duration(timeout)
        ),
    )
}

async fn room(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let room = Arc::clone(semaphore).acquire_owned().await;
    room.expect("the semaphore is never closed")
}

async fn call_flow(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    flow: &FlowName,
    parameters: &Json,
) -> wasmtime::Result<Result<String, super::bindings::types::Failure>> {
    let (run, meter) = (store.data().run(), store.data().meter());
    let called = async {
        let instance = pre.instantiate_async(&mut *store).await?;
        let guest = instance.orch_workflow_guest();
        guest
            .call_run_flow(store, flow.as_str(), &parameters.to_string())
            .await
    };
    metered(run, meter, called).await
}

async fn call_task(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    task: &TaskName,
    arguments: &Json,
) -> wasmtime::Result<Result<String, super::bindings::types::Failure>> {
    let (run, meter) = (store.data().run(), store.data().meter());
    let called = async {
        let instance = pre.instantiate_async(&mut *store).await?;
        let guest = instance.orch_workflow_guest();
        guest
            .call_run_task(store, task.as_str(), &arguments.to_string())
            .await
    };
    metered(run, meter, called).await
}

fn port_of<P: FlowPort>(store: Store<Guest>) -> P {
    let Role::Flow(port) = store.into_data().role else {
        unreachable!("a flow's store has a flow's port");
    };
    let port: Box<dyn Any> = port;
    *port.downcast().expect("the port is the one that was given")
}

/// Drops the lines that a component logs while it describes itself.
struct NoLog;

impl LogSink for NoLog {
    fn line(&self, _line: GuestLine) -> Result<(), LogFull> {
        Ok(())
    }
}
