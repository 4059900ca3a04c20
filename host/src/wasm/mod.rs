//! Components: checking, compiling and running them. The only place that names wasmtime.

mod error;
mod limits;
mod runtime;

pub use error::ComponentError;
pub use limits::Limits;
pub use runtime::{Runtime, RuntimeConfig};

/// The version of the contract that this host speaks: of the package in `wit/`.
pub const CONTRACT_VERSION: &str = "0.1.0";
