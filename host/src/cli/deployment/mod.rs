//! `orch-host deployment ..`

mod delete;
mod inspect;
mod ls;
mod run;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum DeploymentCommand {
    Run(run::RunArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
    Delete(delete::DeleteArgs),
}

pub async fn run(command: DeploymentCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        DeploymentCommand::Run(args) => run::run(args, cx).await,
        DeploymentCommand::Ls(args) => ls::run(args, cx).await,
        DeploymentCommand::Inspect(args) => inspect::run(args, cx).await,
        DeploymentCommand::Delete(args) => delete::run(args, cx).await,
    }
}
