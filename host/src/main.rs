//! Joins the engines of the store with the commands.

mod cli;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bench::Opened;
use cli::{DatabaseUrl, Engines};
use store::moving::Database;
use store::{Store, StoreResult};
use store_postgres::{OwnDatabase, PostgresDatabase, PostgresStore};
use store_sqlite::{SqliteDatabase, SqliteStore};

/// Runs are many small values, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(Engines {
        open,
        open_own,
        open_whole,
    })
}

fn open(database: &DatabaseUrl) -> StoreResult<Arc<dyn Store>> {
    Ok(match database {
        DatabaseUrl::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
        DatabaseUrl::Postgres(options) => Arc::new(PostgresStore::open((**options).clone())?),
    })
}

fn open_whole(database: &DatabaseUrl) -> StoreResult<Arc<dyn Database>> {
    Ok(match database {
        DatabaseUrl::Sqlite(path) => Arc::new(SqliteDatabase::at(path)?),
        DatabaseUrl::Postgres(options) => Arc::new(PostgresDatabase::at((**options).clone())?),
    })
}

/// A new database to measure with, of the kind of `beside`: the file at the path, or one of the same
/// server.
fn open_own(beside: &DatabaseUrl, path: &Path) -> StoreResult<Opened> {
    Ok(match beside {
        DatabaseUrl::Sqlite(_) => Opened {
            store: Arc::new(SqliteStore::open(path)?),
            url: None,
            keep: None,
        },
        DatabaseUrl::Postgres(server) => {
            let own = OwnDatabase::make(server)?;
            Opened {
                store: Arc::new(PostgresStore::open(own.options().clone())?),
                url: Some(own.options().url().to_owned()),
                keep: Some(Box::new(own)),
            }
        }
    })
}
