//! `orch-host component ..`

mod inspect;
mod ls;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum ComponentCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
}

pub async fn run(command: ComponentCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        ComponentCommand::Ls(args) => ls::run(args, cx).await,
        ComponentCommand::Inspect(args) => inspect::run(args, cx).await,
    }
}
