//! `orch-host variable`

mod delete;
mod get;
mod ls;
mod set;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum VariableCommand {
    Set(set::SetArgs),
    Get(get::GetArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Delete(delete::DeleteArgs),
}

pub async fn run(command: VariableCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        VariableCommand::Set(args) => set::run(args, cx).await,
        VariableCommand::Get(args) => get::run(args, cx).await,
        VariableCommand::Ls(args) => ls::run(args, cx).await,
        VariableCommand::Delete(args) => delete::run(args, cx).await,
    }
}
