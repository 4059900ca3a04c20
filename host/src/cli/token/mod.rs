//! `orch-host token`

mod audit;
mod create;
mod ls;
mod revoke;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {
    Create(create::CreateArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Revoke(revoke::RevokeArgs),
}

pub async fn run(command: TokenCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        TokenCommand::Create(args) => create::run(args, cx).await,
        TokenCommand::Ls(args) => ls::run(args, cx).await,
        TokenCommand::Revoke(args) => revoke::run(args, cx).await,
    }
}
