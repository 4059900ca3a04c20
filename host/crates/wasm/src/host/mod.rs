//! What the host offers to components, one interface a file.

mod artifacts;
mod blobs;
mod context;
mod deployments;
mod files;
mod http_errors;
mod inputs;
mod limits;
mod logging;
mod names;
mod requests;
mod secrets;
mod sockets;
mod subflows;
mod tasks;
mod timers;
mod types;
mod variables;
mod waiting;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::Component;
use super::guest::Guest;

/// Everything that a task instance may import: WASI and the interfaces of `wit/`. The
/// interfaces that start something refuse a task's calls.
pub(super) fn task_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Component::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    linker.allow_shadowing(true);
    sockets::shadow_create_socket(&mut linker)?;
    names::shadow_lookup(&mut linker)?;
    files::shadow_filesystem(&mut linker)?;
    http_errors::shadow_error_code(&mut linker)?;
    requests::shadow_outgoing_handler(&mut linker)?;
    Ok(linker)
}

/// Everything that a flow instance may import: the same names, but sleeping is a durable
/// timer.
pub(super) fn flow_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = task_linker(engine)?;
    timers::shadow_monotonic_clock(&mut linker)?;
    Ok(linker)
}
