//! `orch-host limit ..`

mod create;
mod delete;
mod inspect;
mod ls;
mod set;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum LimitCommand {
    Create(create::CreateArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
    Set(set::SetArgs),
    Delete(delete::DeleteArgs),
}

pub async fn run(command: LimitCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        LimitCommand::Create(args) => create::run(args, cx).await,
        LimitCommand::Ls(args) => ls::run(args, cx).await,
        LimitCommand::Inspect(args) => inspect::run(args, cx).await,
        LimitCommand::Set(args) => set::run(args, cx).await,
        LimitCommand::Delete(args) => delete::run(args, cx).await,
    }
}
