//! `orch-host work-queue ..`

mod change;
mod create;
mod delete;
mod ls;
mod target;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum WorkQueueCommand {
    Create(create::CreateArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Set(change::SetArgs),
    Pause(change::PauseArgs),
    Resume(change::ResumeArgs),
    Delete(delete::DeleteArgs),
}

pub async fn run(command: WorkQueueCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        WorkQueueCommand::Create(args) => create::run(args, cx).await,
        WorkQueueCommand::Ls(args) => ls::run(args, cx).await,
        WorkQueueCommand::Set(args) => change::set(args, cx).await,
        WorkQueueCommand::Pause(args) => change::pause(args, cx).await,
        WorkQueueCommand::Resume(args) => change::resume(args, cx).await,
        WorkQueueCommand::Delete(args) => delete::run(args, cx).await,
    }
}
