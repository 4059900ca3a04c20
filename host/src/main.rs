//! The binary: everything is in the library, so that tests can reach it.

use std::process::ExitCode;

use orch_host::cli;
use orch_host::store::sqlite::SqliteStore;

fn main() -> ExitCode {
    cli::main(|path| SqliteStore::open(path))
}
