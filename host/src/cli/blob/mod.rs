//! `orch-host blob`

mod get;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum BlobCommand {
    Get(get::GetArgs),
}

pub async fn run(command: BlobCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        BlobCommand::Get(args) => get::run(args, cx).await,
    }
}
