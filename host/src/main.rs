use std::process::ExitCode;

use orch_host::store::sqlite::SqliteStore;

fn main() -> ExitCode {
    orch_host::cli::main(|path| SqliteStore::open(path))
}
