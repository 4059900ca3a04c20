//! `orch-host database ...`

mod copy;
mod migrate;
mod status;

use std::sync::Arc;

use super::error::ExitStatus;
use super::output::Output;
use super::place::DatabaseUrl;
use store::StoreResult;
use store::moving::Database;

/// A database as a whole, which is not opened as commands open it.
pub type OpenWhole = fn(&DatabaseUrl) -> StoreResult<Arc<dyn Database>>;

#[derive(Debug, clap::Subcommand)]
pub enum DatabaseCommand {
    Status(status::StatusArgs),
    Migrate(migrate::MigrateArgs),
    Copy(copy::CopyArgs),
}

/// `database`: the one that other commands would use.
pub async fn run(
    command: DatabaseCommand,
    database: &DatabaseUrl,
    open: OpenWhole,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        DatabaseCommand::Status(args) => status::run(args, &*open(database)?, out).await,
        DatabaseCommand::Migrate(args) => migrate::run(args, &*open(database)?, out).await,
        DatabaseCommand::Copy(args) => copy::run(args, open, out).await,
    }
}
