//! `orch-host cache ..`

mod clear;
mod inspect;
mod ls;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum CacheCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
    Clear(clear::ClearArgs),
}

pub async fn run(command: CacheCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        CacheCommand::Ls(args) => ls::run(args, cx).await,
        CacheCommand::Inspect(args) => inspect::run(args, cx).await,
        CacheCommand::Clear(args) => clear::run(args, cx).await,
    }
}
