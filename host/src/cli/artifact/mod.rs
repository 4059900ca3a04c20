//! `orch-host artifact`

mod inspect;
mod ls;

pub use ls::table;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum ArtifactCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
}

pub async fn run(command: ArtifactCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        ArtifactCommand::Ls(args) => ls::run(args, cx).await,
        ArtifactCommand::Inspect(args) => inspect::run(args, cx).await,
    }
}
