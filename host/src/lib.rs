//! Runs workflows as sandboxed WebAssembly components.
//!
//! A module imports only from those above it in this list.

pub mod model;

pub mod store;
