//! The data of one instance's store.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiterAsync, Store, UpdateDeadline};
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::budget::{Held, MemoryBudget, NothingFree};
use super::engine::Engine;
use super::fields::MANIFEST_BYTES_MAX;
use super::files::{Files, Scratch};
use super::gate::Gate;
use super::halt::{Halt, Panic, bytes as bytes_in_words};
use super::http::{Hooks, Own, Sender};
use super::limits::{ARTIFACT_BYTES_MAX, ARTIFACTS_MAX, HEADERS_MAX, RESOURCES_MAX};
use super::masks::{Masks, SecretVariable};
use super::meter::Meter;
use super::network::Network;
use super::outside::Outside;
use super::port::{
    CallError, CallResult, FlowPort, LogSink, RunContext, Surroundings, TaskContext, TaskPort,
};
use super::results::Results;
use super::wasi;
use super::{DescribeLimits, Limits};
use model::{
    Ask, Failure, FailureKind, Grants, NewArtifact, Outcome, RunId, SecretGrant, SecretName, Seq,
};

/// The purpose of an instance.
pub(super) enum Role {
    Flow(FlowRole),
    Task(TaskRole),
    /// It only describes itself, under these limits.
    Describe(DescribeLimits),
}

/// What an instance of a flow is for.
pub(super) struct FlowRole {
    pub port: Box<dyn FlowPort>,
    /// What subflows return is checked by them.
    pub results: Arc<Results>,
}

/// What an instance of a task is for.
pub(super) struct TaskRole {
    pub run: Arc<RunContext>,
    pub task: Arc<TaskContext>,
    pub port: Arc<dyn TaskPort>,
    pub sender: Sender,
    /// Of the blobs that tasks write and read.
    pub blob_memory: Arc<MemoryBudget>,
    /// Where directories of single attempts are made.
    pub scratch: Arc<Scratch>,
    /// The secrets that it has in its environment.
    pub variables: Vec<SecretVariable>,
    /// Hides the secrets that it was given.
    pub masks: Arc<Masks>,
}

impl Role {
    /// The limits of an instance with this role.
    fn limited(&self, limits: &Limits) -> (MemoryLimiter, Compute) {
        let (what, compute_max, memory_max) = match self {
            Self::Flow(_) => (
                "a flow's computing between two waits",
                limits.flow_compute_max,
                limits.memory_max,
            ),
            Self::Task(..) => (
                "a task attempt's computing",
                limits.task_compute_max,
                limits.memory_max,
            ),
            Self::Describe(limits) => (
                "a component's description of itself",
                limits.compute_max,
                limits.memory_max,
            ),
        };
        let memory = MemoryLimiter::new(memory_max, None);
        let compute = Compute {
            what,
            max: compute_max,
            meter: Arc::default(),
        };
        (memory, compute)
    }
}

/// The data of one instance's store.
pub(super) struct Guest {
    /// Made when the guest first calls WASI: most guests never do.
    wasi: Option<WasiCtx>,
    /// Made with it.
    network: Option<Arc<Network>>,
    /// Made when the guest first asks for its directories.
    files: Option<Arc<Files>>,
    /// Made when the guest first sends a request.
    http: Option<Http>,
    around: Surroundings,
    table: ResourceTable,
    pub role: Role,
    pub limits: Arc<Limits>,
    pub panic: Option<Panic>,
    memory: MemoryLimiter,
    compute: Compute,
    artifacts: Artifacts,
}

impl Guest {
    /// A store for one instance, with its limits in force.
    pub fn store(
        engine: &Engine,
        limits: &Arc<Limits>,
        role: Role,
        around: Surroundings,
        held: Option<Held>,
    ) -> Store<Self> {
        let (mut memory, compute) = role.limited(limits);
        memory.held = held;
        let call_bytes = match role {
            Role::Describe(_) => MANIFEST_BYTES_MAX,
            _ => limits.call_bytes(),
        };
        let guest = Self {
            wasi: None,
            network: None,
            files: None,
            http: None,
            around,
            table: resources(),
            role,
            limits: Arc::clone(limits),
            panic: None,
            memory,
            compute,
            artifacts: Artifacts::default(),
        };
        let mut store = Store::new(engine.wasmtime(), guest);
        store.limiter_async(|guest| &mut guest.memory);
        store.set_hostcall_fuel(call_bytes);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().compute.tick());
        store
    }

    /// The port of a flow instance. For any other instance the call is refused.
    pub fn flow(&mut self) -> CallResult<&mut dyn FlowPort> {
        match &mut self.role {
            Role::Flow(flow) => Ok(&mut *flow.port),
            Role::Task(..) => Err(refused(
                "a task cannot start or wait for anything: return a result, and let the flow go on from there",
            )),
            Role::Describe(_) => Err(refused(
                "a component that describes itself cannot do anything else",
            )),
        }
    }

    /// The outcome of a subflow, which is a failure if its result does not fit.
    pub fn subflow_outcome(
        &self,
        subflow: Seq,
        outcome: Outcome,
    ) -> impl Future<Output = Outcome> + use<> {
        let promise = match &self.role {
            Role::Flow(flow) => {
                let name = flow.port.context(Some(subflow)).flow.clone();
                Some((Arc::clone(&flow.results), name))
            }
            Role::Task(_) | Role::Describe(_) => None,
        };
        async move {
            match promise {
                Some((results, flow)) => results.of_flow(&flow, outcome).await,
                None => outcome,
            }
        }
    }

    /// Waits until all of these have settled.
    pub async fn wait_for_all(&mut self, handles: Vec<Seq>) -> CallResult<()> {
        let port = self.flow()?;
        let before = port.waited_for();
        port.ask_done(Ask::WaitAll(handles)).await?;
        if port.waited_for() > before {
            self.has_waited();
        }
        Ok(())
    }

    /// A wait has told the flow of something that it did not know: a new span of computing
    /// begins. A wait that tells nothing new begins none, or a guest could count on without
    /// an end; one that is replayed counts like the first time.
    pub fn has_waited(&self) {
        self.compute.meter.reset();
    }

    /// Charges the instance for what others have worked for it.
    pub fn charge_for_work(&mut self) {
        if let Role::Flow(flow) = &mut self.role {
            self.compute.meter.add(flow.port.worked());
        }
    }

    /// What its memories and tables take, in bytes.
    pub fn memory_used(&self) -> usize {
        self.memory.used
    }

    /// Measures how long the instance holds a thread.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.compute.meter)
    }

    /// The run that the instance belongs to.
    pub fn run(&self) -> Option<RunId> {
        self.around.run
    }

    /// What the instance may reach.
    pub fn network(&mut self) -> Arc<Network> {
        let make = || match &self.role {
            Role::Task(task) => Network::of(&self.around.grants, Gate::of(Arc::clone(&task.port))),
            Role::Flow(_) | Role::Describe(_) => Network::none(),
        };
        Arc::clone(self.network.get_or_insert_with(|| Arc::new(make())))
    }

    /// Whether the deployment was granted a secret.
    pub fn is_secret_granted(&self, name: &SecretName) -> bool {
        // What an earlier version has stored may mean nothing any more.
        let mut granted = self.around.grants.secrets.iter();
        granted.any(|it| it.parse::<SecretGrant>().is_ok_and(|it| it.name == *name))
    }

    /// Hides the secrets that the instance was given.
    pub fn masks(&self) -> &Masks {
        static NONE: LazyLock<Masks> = LazyLock::new(Masks::default);
        match &self.role {
            Role::Task(task) => &task.masks,
            Role::Flow(_) | Role::Describe(_) => &NONE,
        }
    }

    /// Whether others may have seen what it does.
    pub fn has_called_out(&self) -> bool {
        self.network.as_ref().is_some_and(|it| it.gate.is_passed())
    }

    /// The directories of the instance.
    pub fn files(&mut self) -> Arc<Files> {
        let make = || match &self.role {
            Role::Task(task) => Files::of(&self.around.grants, &task.scratch, self.limits.tmp_max),
            Role::Flow(_) | Role::Describe(_) => Files::none(),
        };
        Arc::clone(self.files.get_or_insert_with(|| Arc::new(make())))
    }

    /// What of the outside was refused to it, or failed.
    pub fn outside(&self) -> Outside {
        let (network, files) = (self.network.as_deref(), self.files.as_deref());
        let refused = network.and_then(Network::take_refusal);
        Outside {
            refused: refused.or_else(|| files.and_then(Files::take_refusal)),
            path: files.and_then(Files::tried),
            address: network.and_then(Network::tried),
            is_task: matches!(self.role, Role::Task(_)),
        }
    }

    /// Counts an artifact against the limits.
    pub fn count_artifact(&mut self, new: &NewArtifact) -> CallResult<()> {
        let Artifacts { count, bytes } = &mut self.artifacts;
        *count += 1;
        *bytes += new.bytes();
        let limit = if *count > ARTIFACTS_MAX {
            format!("{ARTIFACTS_MAX} artifacts")
        } else if *bytes > ARTIFACT_BYTES_MAX {
            format!("{} of artifacts", bytes_in_words(ARTIFACT_BYTES_MAX))
        } else {
            return Ok(());
        };
        let message = format!("made too many artifacts; the limit on one execution is {limit}");
        Err(Failure::new(FailureKind::Limit, message).into())
    }

    /// What the guest holds of the host.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Takes the lines that the guest logs.
    pub fn logs(&self) -> &dyn LogSink {
        &*self.around.logs
    }

    /// The time of the monotonic clock.
    pub fn monotonic_now(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::now(&mut self.clocks())
    }
}

/// What an instance has made for people to look at.
#[derive(Default)]
struct Artifacts {
    count: usize,
    bytes: usize,
}

fn resources() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(RESOURCES_MAX);
    table
}

fn refused(why: &str) -> CallError {
    CallError::Failure(Failure::new(FailureKind::Refused, why))
}

/// What an instance has for its requests.
struct Http {
    hooks: Hooks,
    ctx: WasiHttpCtx,
}

impl Http {
    fn of(role: &Role, grants: &Grants, network: Arc<Network>) -> Self {
        let own = match role {
            Role::Task(task) => {
                let owner = (task.run.deployment.clone(), grants.clone());
                Some(Arc::new(Own::new(owner, task.sender.clone())))
            }
            Role::Flow(_) | Role::Describe(_) => None,
        };
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(HEADERS_MAX);
        Self {
            hooks: Hooks { network, own },
            ctx,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        if self.http.is_none() {
            let network = self.network();
            self.http = Some(Http::of(&self.role, &self.around.grants, network));
        }
        let http = self.http.as_mut().expect("it was made above");
        WasiHttpCtxView {
            hooks: &mut http.hooks,
            table: &mut self.table,
            ctx: &mut http.ctx,
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        if self.wasi.is_none() {
            let network = self.network();
            let secrets = match &self.role {
                Role::Task(task) => task.variables.as_slice(),
                Role::Flow(_) | Role::Describe(_) => &[],
            };
            self.wasi = Some(wasi::context(&self.around, &network, secrets));
        }
        WasiCtxView {
            ctx: self.wasi.as_mut().expect("it was made above"),
            table: &mut self.table,
        }
    }
}

/// Ends an instance that asks for too much memory, with an error that names the limit. If
/// the request were only refused, the guest's allocator would abort without a message.
///
/// All memories and tables of the instance count together, with what they have grown to.
struct MemoryLimiter {
    max: usize,
    used: usize,
    /// Its part of the memory of all guests. None: it is not counted among them.
    held: Option<Held>,
}

/// What one element of a table takes, in bytes.
const TABLE_ELEMENT: usize = size_of::<usize>();

impl MemoryLimiter {
    fn new(max: usize, held: Option<Held>) -> Self {
        Self { max, used: 0, held }
    }

    /// Counts what a memory or a table grows by. `false`: it cannot grow so far, whatever the
    /// limit is, so nothing is counted.
    async fn grow(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
        bytes_each: usize,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current).saturating_mul(bytes_each);
        let used = self.used.saturating_add(more);
        if used > self.max {
            return Err(Halt::Memory {
                asked: bytes_in_words(used),
                max: bytes_in_words(self.max),
            }
            .into());
        }
        if let Some(held) = &mut self.held {
            let grown = held.grow(more).await;
            grown.map_err(|NothingFree| Halt::NothingFree { needed: used })?;
        }
        self.used = used;
        Ok(true)
    }
}

#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for MemoryLimiter {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, maximum, 1).await
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, maximum, TABLE_ELEMENT).await
    }
}

/// Ends an instance that has held a thread for too long.
struct Compute {
    what: &'static str,
    max: Duration,
    meter: Arc<Meter>,
}

impl Compute {
    /// Called when a tick finds the guest computing. The guest yields to others, or ends if
    /// it and the host's work for it have taken too long.
    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if self.meter.used() > self.max {
            let Self { what, max, .. } = *self;
            return Err(Halt::Compute { what, max }.into());
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// What is known without a wait.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("it does not wait")
    }

    #[test]
    fn memories_and_tables_count_together() {
        let mut limiter = MemoryLimiter::new(100, None);
        assert!(now(limiter.memory_growing(0, 40, None)).unwrap());
        assert!(now(limiter.memory_growing(0, 20, Some(30))).unwrap());
        // What its own maximum forbids is the guest's to handle, and counts nothing.
        assert!(!now(limiter.memory_growing(20, 31, Some(30))).unwrap());
        assert!(now(limiter.table_growing(0, 4, None)).unwrap());
        assert!(now(limiter.memory_growing(20, 28, Some(30))).unwrap());
        let halt = now(limiter.memory_growing(40, 41, None)).unwrap_err();
        assert_eq!(
            halt.to_string(),
            "asked for 101 B of memory; the limit on memory is 100 B"
        );
    }

    #[test]
    fn a_description_has_limits_of_its_own() {
        let describe = DescribeLimits {
            compute_max: Duration::from_millis(20),
            memory_max: 5,
            ..DescribeLimits::default()
        };
        let role = Role::Describe(describe);
        let (mut memory, mut compute) = role.limited(&Limits::default());
        assert!(now(memory.memory_growing(0, 5, None)).unwrap());
        assert!(now(memory.memory_growing(5, 6, None)).is_err());
        assert!(compute.tick().is_ok());
        compute.meter.add(Duration::from_millis(21));
        let halt = compute.tick().err().unwrap();
        assert_eq!(
            halt.to_string(),
            "computed for 20ms without a pause, which is the limit on a component's description of itself"
        );
    }
}
