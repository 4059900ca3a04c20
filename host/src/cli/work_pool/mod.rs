//! `orch-host work-pool ..`

mod change;
mod create;
mod delete;
mod inspect;
mod limit;
mod ls;

pub use limit::LimitArg;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum WorkPoolCommand {
    Create(create::CreateArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
    Pause(change::PauseArgs),
    Resume(change::ResumeArgs),
    SetLimit(change::SetLimitArgs),
    Delete(delete::DeleteArgs),
}

pub async fn run(command: WorkPoolCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        WorkPoolCommand::Create(args) => create::run(args, cx).await,
        WorkPoolCommand::Ls(args) => ls::run(args, cx).await,
        WorkPoolCommand::Inspect(args) => inspect::run(args, cx).await,
        WorkPoolCommand::Pause(args) => change::pause(args, cx).await,
        WorkPoolCommand::Resume(args) => change::resume(args, cx).await,
        WorkPoolCommand::SetLimit(args) => change::set_limit(args, cx).await,
        WorkPoolCommand::Delete(args) => delete::run(args, cx).await,
    }
}
