//! Runs workflows as sandboxed WebAssembly components.
//!
//! A module imports only from those above it in this list (`store` and `wasm` do not see
//! each other; `worker` joins them).

pub mod model;

pub mod orchestrator;

pub mod store;
pub mod wasm;

pub mod worker;

pub mod bench;
pub mod cli;
