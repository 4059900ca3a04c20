//! Components: checking, compiling and running them. The only place that names wasmtime.
//!
//! ```text
//! bytes --compile, in a process of its own; or load from the cache--> Prepared
//!                                          (linked twice: as a flow, as a task)
//! Prepared --run_flow--> instance <--calls--> FlowPort (of the worker, or of a replay)
//!          `--run_task--> instance
//! ```
//!
//! Invariant: whatever a guest does ends at one of its [`Limits`], and comes back as a
//! [`Failure`](model::Failure) of its own run.

mod bindings;
mod blobs;
mod budget;
mod cache;
mod compile;
mod config;
mod convert;
mod engine;
mod error;
mod fields;
mod files;
mod gate;
mod guest;
mod halt;
mod host;
mod http;
mod inspect;
mod limits;
mod machine;
mod masks;
mod meter;
mod network;
mod outside;
mod patience;
mod port;
mod prepared;
mod private;
mod reach;
mod results;
mod runtime;
mod scan;
mod seal;
#[cfg(feature = "testing")]
pub mod testing;
mod wasi;
mod watchdog;

pub use budget::{Held, MemoryBudget, NothingFree, OverBudget};
pub use compile::{COMPILE_CHILD, compile_child};
pub use config::{Compiling, RuntimeConfig};
pub use error::ComponentError;
pub use fields::{FIELDS, Field, FieldLimit, MANIFEST_BYTES_MAX};
pub use http::{HttpConfig, HttpLimits, RootsError};
pub use limits::{CompileLimits, ComponentLimits, DescribeLimits, Limits, PAYLOAD_MOST};
pub use machine::process_memory;
pub use port::{
    BlobReader, BlobWriter, CallError, CallResult, FlowClock, FlowPort, GuestLine, LogFull,
    LogSink, Replayable, RunContext, SecretText, Surroundings, TaskContext, TaskPort,
};
pub use prepared::{PrepareError, Prepared};
pub use runtime::{FlowEnd, FlowRoom, FlowStart, Instances, Runtime, TaskStart, timed_out};

/// The version of the contract that this host speaks: of the package in `wit/`.
pub const CONTRACT_VERSION: &str = "0.1.0";
