//! `orch-host schedule ..`

mod change;
mod create;
mod ls;
mod next;
mod target;
pub mod times;

pub use target::list;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum ScheduleCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Create(create::CreateArgs),
    Pause(change::PauseArgs),
    Resume(change::ResumeArgs),
    Delete(change::DeleteArgs),
    Next(next::NextArgs),
}

pub async fn run(command: ScheduleCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        ScheduleCommand::Ls(args) => ls::run(args, cx).await,
        ScheduleCommand::Create(args) => create::run(args, cx).await,
        ScheduleCommand::Pause(args) => change::pause(args, cx).await,
        ScheduleCommand::Resume(args) => change::resume(args, cx).await,
        ScheduleCommand::Delete(args) => change::delete(args, cx).await,
        ScheduleCommand::Next(args) => next::run(args, cx).await,
    }
}
