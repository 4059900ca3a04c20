//! Joins the engines of the store with the commands.

mod cli;

use std::process::ExitCode;
use std::sync::Arc;

use cli::DatabaseUrl;
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;

/// Runs are many small values, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(|database| {
        Ok(match database {
            DatabaseUrl::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
            DatabaseUrl::Postgres(options) => Arc::new(PostgresStore::open((**options).clone())?),
        })
    })
}
