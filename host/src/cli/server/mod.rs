//! `orch-host server`

mod local_token;
mod start;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum ServerCommand {
    Start(start::StartArgs),
}

pub async fn run(command: ServerCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        ServerCommand::Start(args) => start::run(args, cx).await,
    }
}
