//! The binary: everything is in the library, so that tests can reach it.

use std::process::ExitCode;

use orch_host::cli;
use orch_host::store::sqlite::SqliteStore;

/// Runs are many small values, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(|path| SqliteStore::open(path))
}
