//! wasmtime's engine as we set it up, and the clock that interrupts guests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::Limits;
use super::config::RuntimeConfig;
use super::limits::TABLES_PER_SHARE;
use super::meter::TICK;
use super::watchdog::Watchdog;

/// How many ticks pass between two looks at threads that are held for long.
const TICKS_PER_LOOK: u64 = 50;

/// The host's own part of a stack, beyond what a guest may use.
const HOST_STACK: usize = 512 << 10;

/// wasmtime's engine and its clock.
pub(super) struct Engine {
    wasmtime: wasmtime::Engine,
    clock: Clock,
}

impl Engine {
    pub fn new(config: &RuntimeConfig) -> wasmtime::Result<Self> {
        let wasmtime = wasmtime::Engine::new(&wasmtime_config(config))?;
        let clock = Clock::start(wasmtime.clone());
        Ok(Self { wasmtime, clock })
    }

    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    /// Keeps the clock ticking for as long as the value lives.
    pub fn ticking(&self) -> Ticking<'_> {
        self.clock.shared.users.fetch_add(1, Ordering::Relaxed);
        if let Some(thread) = &self.clock.thread {
            thread.thread().unpark();
        }
        Ticking(&self.clock.shared)
    }
}

/// The engine of a process that only compiles: without pools. Its code is for the same engine
/// as that of a runtime with these limits.
pub(super) fn for_compiling(limits: &Limits) -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&for_code(limits))
}

/// Everything that compiled code depends on.
fn for_code(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_max)
        .async_stack_size(limits.stack_max + HOST_STACK);
    config
}

fn wasmtime_config(runtime: &RuntimeConfig) -> Config {
    let memory_max = runtime
        .limits
        .memory_max
        .max(runtime.describe_limits.memory_max);
    let of_one = &runtime.component_limits;
    // An instance waits for its shares before it is made, so none of the pools ever runs out.
    let shares = runtime.flow_shares() + runtime.task_shares();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(shares)
        // Core instances are only counted: room for them costs nothing.
        .total_core_instances(shares.saturating_mul(of_one.core_instances_max))
        .total_memories(shares)
        .total_tables(shares.saturating_mul(TABLES_PER_SHARE))
        .total_stacks(shares)
        .max_memory_size(memory_max)
        .table_elements(of_one.table_elements_max)
        .max_core_instances_per_component(of_one.core_instances_max)
        .max_memories_per_component(of_one.memories_max)
        .max_tables_per_component(of_one.tables_max)
        .max_unused_warm_slots(shares)
        // What a small guest touches stays mapped between instances: zeroing it is cheaper
        // than giving it back and faulting it in again.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        // Finds what a guest has touched instead of assuming it is the lowest addresses (its
        // stack and data begin at 1 MiB): nothing is unmapped, so no other core is interrupted.
        .pagemap_scan(Enabled::Auto);

    let mut config = for_code(&runtime.limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Raises the engine's epoch every [`TICK`] while instances live, and sleeps otherwise: an
/// idle process costs nothing.
struct Clock {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    users: AtomicUsize,
    stop: AtomicBool,
}

impl Clock {
    fn start(engine: wasmtime::Engine) -> Self {
        let shared = Arc::new(Shared {
            users: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let clock = Arc::clone(&shared);
        let tick = move || {
            let mut watchdog = Watchdog::default();
            for number in 1_u64.. {
                if clock.stop.load(Ordering::Relaxed) {
                    break;
                }
                match clock.users.load(Ordering::Relaxed) {
                    // A wake-up that comes in between is not lost: it makes `park` return.
                    0 => thread::park(),
                    _ => thread::sleep(TICK),
                }
                engine.increment_epoch();
                if number.is_multiple_of(TICKS_PER_LOOK) {
                    watchdog.look();
                }
            }
        };
        let thread = thread::Builder::new().name("epoch".into()).spawn(tick);
        Self {
            shared,
            thread: thread.ok(),
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Keeps the clock running while it is held.
pub(super) struct Ticking<'a>(&'a Shared);

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}
