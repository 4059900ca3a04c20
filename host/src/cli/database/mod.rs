//! `orch-host database ...`

mod copy;
mod migrate;
mod status;

use super::error::ExitStatus;
use super::output::Output;
use super::place::{DatabaseUrl, OpenWhole};

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
