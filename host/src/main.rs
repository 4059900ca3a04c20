//! Joins the engine of the store with the commands.

mod cli;

use std::process::ExitCode;
use std::sync::Arc;

use store_sqlite::SqliteStore;

/// Runs are many small values, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(|path| Ok(Arc::new(SqliteStore::open(path)?)))
}
