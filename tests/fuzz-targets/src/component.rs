//! Bytes that may be a component: counted, compiled and asked to describe itself, in this
//! process.
//!
//! Bytes that begin like WebAssembly are taken as they are, so that a fuzzer can change real
//! components. With the feature `smith`, all others become a component that is valid, and odd.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{self, Runtime as Threads};
use wasm::{Compiling, ComponentLimits, DescribeLimits, Runtime, RuntimeConfig};

#[cfg(feature = "smith")]
const MAGIC: &[u8] = b"\0asm";

/// So much is compiled in less than a second or two.
const FILE_MAX: usize = 256 << 10;
const FUNCTION_MAX: usize = 64 << 10;

pub fn run(data: &[u8]) {
    #[cfg(feature = "smith")]
    if !data.starts_with(MAGIC) {
        return made(data);
    }
    describe(data);
}

/// A component that is made of these bytes.
#[cfg(feature = "smith")]
fn made(data: &[u8]) {
    let config = wasm_smith::Config {
        max_components: 3,
        max_instances: 4,
        max_modules: 3,
        max_memory32_bytes: 1 << 20,
        ..wasm_smith::Config::default()
    };
    let mut bytes = arbitrary::Unstructured::new(data);
    if let Ok(component) = wasm_smith::Component::new(config, &mut bytes) {
        describe(&component.to_bytes());
    }
}

fn describe(bytes: &[u8]) {
    let (threads, runtime) = around();
    if let Err(err) = threads.block_on(runtime.describe(bytes)) {
        let said = err.to_string();
        assert!(!said.is_empty());
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// What is set up once: an engine with little room, and threads.
fn around() -> &'static (Threads, Arc<Runtime>) {
    static AROUND: OnceLock<(Threads, Arc<Runtime>)> = OnceLock::new();
    AROUND.get_or_init(|| {
        let threads = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("there are threads");
        let config = RuntimeConfig {
            compiling: Compiling::Here,
            component_limits: ComponentLimits {
                file_max: FILE_MAX,
                function_max: FUNCTION_MAX,
                ..ComponentLimits::default()
            },
            describe_limits: DescribeLimits {
                compute_max: Duration::from_millis(50),
                time_max: Duration::from_secs(1),
                memory_max: 16 << 20,
            },
            flows_max: 2,
            tasks_max: 2,
            memory_max: 64 << 20,
            ..RuntimeConfig::default()
        };
        let runtime = threads.block_on(async { Runtime::new(config) });
        (threads, runtime.expect("there is an engine"))
    })
}
