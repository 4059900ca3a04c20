//! The runtime of a process: one engine, what it has compiled, and room for instances.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::Component;

use super::bindings::ComponentPre;
use super::blobs::BLOBS_LEAST;
use super::budget::{Held, MemoryBudget, OverBudget};
use super::cache::CodeCache;
use super::compile::{self, Compiler, Linkers};
use super::config::RuntimeConfig;
use super::engine::Engine;
use super::files::Scratch;
use super::guest::{FlowRole, Guest, Role, TaskRole};
use super::halt::{Halt, failure_of};
use super::http::{Clients, Sender};
use super::masks::{MaskedLog, Masks, SecretVariable};
use super::meter::metered;
use super::port::{CallError, FlowPort, LogSink, RunContext, Surroundings, TaskContext, TaskPort};
use super::prepared::{Need, PrepareError, Prepared};
use super::results::{self, Results};
use super::{ComponentError, DescribeLimits, Limits, convert, inspect, scan};
use model::{
    Digest, Failure, FailureKind, FlowName, Grants, Json, Manifest, Outcome, SecretGrant, TaskName,
};

/// The memory of requests is a sixteenth of that of guests, and no less than this, in bytes.
const REQUESTS_LEAST: usize = 8 << 20;

/// How many prepared components are kept in memory.
const PREPARED_MAX: u64 = 1000;
/// How long a component that cannot be prepared is not tried again.
const UNPREPARED_FOR: Duration = Duration::from_mins(1);

/// The runtime of this process.
pub struct Runtime {
    engine: Engine,
    limits: Arc<Limits>,
    describe_limits: DescribeLimits,
    code: Arc<CodeCache>,
    compiler: Compiler,
    linkers: Linkers,
    prepared: moka::future::Cache<Digest, Arc<Prepared>>,
    /// Those that cannot be prepared, for a while: compiling them again for each run would
    /// keep others waiting.
    unprepared: moka::future::Cache<Digest, PrepareError>,
    /// Limits the instances: each takes as many permits as it takes shares of the engine's
    /// pools. To wait for room is no error and costs nothing, since it happens before
    /// instantiation.
    flow_room: Arc<Semaphore>,
    task_room: Arc<Semaphore>,
    room: Instances,
    /// Of checks of large results.
    heavy: Arc<Semaphore>,
    memory: Arc<MemoryBudget>,
    /// Of the requests of tasks.
    sender: Sender,
    /// Of the blobs that tasks write and read. Whoever runs must not wait for those who wait to
    /// run.
    blob_memory: Arc<MemoryBudget>,
    /// Where directories of single attempts of tasks are made.
    scratch: Arc<Scratch>,
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
pub struct FlowRoom {
    shares: OwnedSemaphorePermit,
    memory: Held,
}

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
    pub task: Arc<TaskContext>,
    pub arguments: Json,
    pub logs: Arc<dyn LogSink>,
    pub port: Arc<dyn TaskPort>,
    pub grants: Grants,
    pub timeout: Option<Duration>,
}

impl Runtime {
    /// Sets the engine up. Errs where the machine lacks what it needs, such as address
    /// space.
    pub fn new(config: RuntimeConfig) -> anyhow::Result<Arc<Self>> {
        let engine = Engine::new(&config)?;
        let room = Instances {
            flows: config.flow_shares() as usize,
            tasks: config.task_shares() as usize,
        };
        let memory = MemoryBudget::new(config.memory_max);
        let clients = Arc::new(Clients::new(
            config.http.clone(),
            config.limits.http.clone(),
        ));
        let scratch = Arc::new(Scratch::new(config.scratch_dir.clone()));
        if config.scratch_dir.exists() {
            let swept = Arc::clone(&scratch);
            std::thread::spawn(move || swept.sweep());
        }
        Ok(Arc::new(Self {
            scratch,
            blob_memory: MemoryBudget::new((config.memory_max / 16).max(BLOBS_LEAST)),
            sender: Sender {
                clients,
                // Whoever runs must not wait for those who wait to run.
                memory: MemoryBudget::new((config.memory_max / 16).max(REQUESTS_LEAST)),
            },
            code: Arc::new(CodeCache::new(
                config.cache_dir.as_deref(),
                engine.wasmtime(),
            )),
            compiler: Compiler::new(&config),
            linkers: Linkers::new(engine.wasmtime())?,
            prepared: moka::future::Cache::new(PREPARED_MAX),
            unprepared: moka::future::Cache::builder()
                .max_capacity(PREPARED_MAX)
                .time_to_live(UNPREPARED_FOR)
                .build(),
            flow_room: Arc::new(Semaphore::new(room.flows)),
            task_room: Arc::new(Semaphore::new(room.tasks)),
            room,
            heavy: results::heavy(),
            memory,
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

    /// The memory that all guests have together.
    pub fn memory(&self) -> &Arc<MemoryBudget> {
        &self.memory
    }

    /// Waits for room and memory for a flow instance. If there is no room, it calls
    /// `make_room`, which may drop an instance that only waits, for each that it may need the
    /// room of. Errs if all guests together may not have as much memory as one such flow needs.
    pub async fn flow_room(
        &self,
        prepared: &Prepared,
        make_room: impl Fn(),
    ) -> Result<FlowRoom, OverBudget> {
        let wanted = prepared.shares;
        let shares = match Arc::clone(&self.flow_room).try_acquire_many_owned(wanted) {
            Ok(shares) => shares,
            Err(_) => {
                for _ in 0..wanted {
                    make_room();
                }
                room(&self.flow_room, wanted).await
            }
        };
        let need = prepared.flow_need.get();
        let memory = self.memory.reserve_for_flow(need).await?;
        Ok(FlowRoom { shares, memory })
    }

    /// Checks that the bytes are a component for this host, compiles it into the cache and
    /// calls its `describe`, under limits of its own.
    pub async fn describe(&self, bytes: &[u8]) -> Result<Manifest, ComponentError> {
        inspect::bytes(bytes)?;
        let digest = Digest::of(bytes);
        if self.compiler.has_children() {
            let code = match self.cached(digest, CodeCache::code).await {
                Some(code) => code,
                None => self.compile(digest, bytes.to_vec()).await?,
            };
            return self.compiler.describe(code).await;
        }
        let component = self.compiled(digest, bytes.to_vec()).await?;
        let _room = room(&self.task_room, scan::shares(&component)?).await;
        let (limits, describe_limits) = (&self.limits, &self.describe_limits);
        compile::describe(
            &self.engine,
            &self.linkers,
            &component,
            limits,
            describe_limits,
        )
        .await
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
        if let Some(error) = self.unprepared.get(&digest).await {
            return Err(error);
        }
        let prepare = async {
            let (manifest, bytes) = fetch().await?;
            let failed = |error| match error {
                // It is nobody's fault, and may pass.
                ComponentError::Host(_) => PrepareError::Unreadable(error.to_string()),
                error => PrepareError::Component { digest, error },
            };
            let component = self.compiled(digest, bytes).await.map_err(failed)?;
            let (flow, task) = self.linkers.link(&component).map_err(failed)?;
            Ok(Arc::new(Prepared {
                flow,
                task,
                flow_need: Need::default(),
                task_need: Need::default(),
                shares: scan::shares(&component).map_err(failed)?,
                results: Arc::new(Results::new(&manifest, Arc::clone(&self.heavy))),
                manifest: Arc::new(manifest),
            }))
        };
        let prepared = self.prepared.try_get_with(digest, prepare).await;
        match prepared.map_err(|err: Arc<PrepareError>| (*err).clone()) {
            Err(error @ PrepareError::Component { .. }) => {
                self.unprepared.insert(digest, error.clone()).await;
                Err(error)
            }
            prepared => prepared,
        }
    }

    /// From the cache, or compiled into it.
    async fn compiled(&self, digest: Digest, bytes: Vec<u8>) -> Result<Component, ComponentError> {
        let engine = self.engine.wasmtime().clone();
        let load = move |cache: &CodeCache, digest| cache.load(&engine, digest);
        if let Some(component) = self.cached(digest, load.clone()).await {
            return Ok(component);
        }
        let code = self.compile(digest, bytes).await?;
        // What was kept is mapped from its file, so that processes share its memory.
        if let Some(component) = self.cached(digest, load).await {
            return Ok(component);
        }
        // SAFETY: it was just compiled, by this program.
        let component = unsafe { Component::deserialize(self.engine.wasmtime(), code) };
        component.map_err(|err| ComponentError::Instance(format!("{err:#}")))
    }

    async fn compile(&self, digest: Digest, bytes: Vec<u8>) -> Result<Vec<u8>, ComponentError> {
        let code = self.compiler.compile(bytes).await?;
        let cache = Arc::clone(&self.code);
        let kept = tokio::task::spawn_blocking(move || {
            cache.keep(digest, &code);
            code
        });
        kept.await
            .map_err(|panic| ComponentError::Host(panic.to_string()))
    }

    /// Asks the cache, where files that are read keep nobody waiting.
    async fn cached<T: Send + 'static>(
        &self,
        digest: Digest,
        ask: impl FnOnce(&CodeCache, Digest) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let cache = Arc::clone(&self.code);
        let asked = tokio::task::spawn_blocking(move || ask(&cache, digest));
        asked.await.ok().flatten()
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
        let role = Role::Flow(FlowRole {
            port: Box::new(port),
            results: Arc::clone(&prepared.results),
        });
        let FlowRoom {
            shares: _shares,
            memory,
        } = start.room;
        let held = Some(memory);
        let mut store = Guest::store(&self.engine, &self.limits, role, start.around, held);
        let call = call_flow(&prepared.flow, &mut store, &start.flow, &start.parameters);
        let returned = tokio::select! {
            returned = call => Some(returned),
            () = stop => None,
        };
        let end = match returned {
            None => FlowEnd::Stopped,
            Some(returned) => match self.outcome(&mut store, "the flow's result", returned) {
                Some(outcome) => {
                    let results = &prepared.results;
                    FlowEnd::Returned(results.of_flow(&start.flow, outcome).await)
                }
                None => FlowEnd::Interrupted,
            },
        };
        prepared.flow_need.learn(store.data().memory_used());
        (end, port_of(store))
    }

    /// Runs one attempt of a task. It begins again if there is no memory for what it grows to,
    /// and waits then until there is.
    pub async fn run_task(&self, prepared: &Prepared, start: TaskStart) -> Outcome {
        let _room = room(&self.task_room, prepared.shares).await;
        let mut need = prepared.task_need.get();
        loop {
            let held = match self.memory.reserve(need).await {
                Ok(held) => held,
                Err(over) => return Err(Failure::new(FailureKind::Limit, over.to_string())),
            };
            match self.try_task(prepared, &start, held).await {
                Ok(outcome) => return outcome,
                // The next growth is not to find nothing again. More than one may have is
                // refused by the next reserve.
                Err(needed) => {
                    let more = (needed + needed / 4).min(self.memory.max_of_one());
                    need = more.max(needed);
                }
            }
        }
    }

    /// Runs it once. Errs with the memory that it needs, if there is not so much.
    async fn try_task(
        &self,
        prepared: &Prepared,
        start: &TaskStart,
        held: Held,
    ) -> Result<Outcome, usize> {
        let _ticking = self.engine.ticking();
        let task = &start.task.task;
        let masks = Arc::new(Masks::default());
        let variables = match secret_variables(start, &masks).await {
            Ok(variables) => variables,
            Err(failure) => return Ok(Err(failure)),
        };
        let logs: Arc<dyn LogSink> = if start.grants.secrets.is_empty() {
            Arc::clone(&start.logs)
        } else {
            Arc::new(MaskedLog {
                log: Arc::clone(&start.logs),
                masks: Arc::clone(&masks),
            })
        };
        let around = Surroundings {
            run: Some(start.context.run),
            logs,
            grants: start.grants.clone(),
            replayable: None,
        };
        let role = Role::Task(TaskRole {
            run: Arc::clone(&start.context),
            task: Arc::clone(&start.task),
            port: Arc::clone(&start.port),
            sender: self.sender.clone(),
            blob_memory: Arc::clone(&self.blob_memory),
            scratch: Arc::clone(&self.scratch),
            variables,
            masks: Arc::clone(&masks),
        });
        let mut store = Guest::store(&self.engine, &self.limits, role, around, Some(held));
        let call = call_task(&prepared.task, &mut store, task, &start.arguments);
        let returned = match start.timeout {
            Some(timeout) => match tokio::time::timeout(timeout, call).await {
                Ok(returned) => returned,
                Err(_) => return Ok(Err(timed_out("the attempt", timeout))),
            },
            None => call.await,
        };
        if let Err(err) = &returned
            && let Some(Halt::NothingFree { needed }) = err.downcast_ref::<Halt>()
        {
            // What others have seen is not done again behind the back of its retries.
            if store.data().has_called_out() {
                let message = format!(
                    "{err}; the attempt had reached something outside, so only a retry repeats it"
                );
                return Ok(Err(Failure::new(FailureKind::Crashed, message)));
            }
            return Err(*needed);
        }
        prepared.task_need.learn(store.data().memory_used());
        let what = format!("the result of task `{task}`");
        let outcome = self.outcome(&mut store, &what, returned);
        let interrupted = || Err(Failure::new(FailureKind::Crashed, "interrupted"));
        let outcome = outcome.unwrap_or_else(interrupted);
        Ok(masks.outcome(prepared.results.of_task(task, outcome).await))
    }

    /// The outcome for the end of a call. `None`: the port interrupted the call.
    fn outcome(
        &self,
        store: &mut Store<Guest>,
        what: &str,
        returned: wasmtime::Result<Result<String, super::bindings::types::Failure>>,
    ) -> Option<Outcome> {
        let failure = match returned {
            Ok(Ok(text)) => {
                let what = || what.to_owned();
                return Some(convert::bounded_json(&self.limits, &what, text));
            }
            Ok(Err(failure)) => convert::failure(failure),
            Err(err) => {
                let panic = store.data_mut().panic.take();
                failure_of(&err, panic, &self.limits, store.hostcall_fuel())?
            }
        };
        let explained = store.data().outside().explain(failure);
        Some(Err(convert::shortened(explained)))
    }
}

/// The secrets that a task has in its environment. They are needed before it starts.
async fn secret_variables(
    start: &TaskStart,
    masks: &Masks,
) -> Result<Vec<SecretVariable>, Failure> {
    let mut variables = Vec::new();
    // What an earlier version has stored may mean nothing any more.
    let granted = start.grants.secrets.iter().filter_map(|it| it.parse().ok());
    for SecretGrant { name, env } in granted {
        let Some(env) = env else { continue };
        let value = match start.port.secret(name).await {
            Ok(value) => value,
            Err(CallError::Failure(failure)) => return Err(failure),
            Err(CallError::Limit(limit)) => return Err(Failure::new(FailureKind::Limit, limit)),
            Err(CallError::Interrupt) => {
                return Err(Failure::new(FailureKind::Crashed, "interrupted"));
            }
        };
        masks.add(&value);
        variables.push((env, value));
    }
    Ok(variables)
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

async fn room(semaphore: &Arc<Semaphore>, shares: u32) -> OwnedSemaphorePermit {
    let room = Arc::clone(semaphore).acquire_many_owned(shares).await;
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
    let Role::Flow(flow) = store.into_data().role else {
        unreachable!("a flow's store has a flow's port");
    };
    let port: Box<dyn Any> = flow.port;
    *port.downcast().expect("the port is the one that was given")
}
