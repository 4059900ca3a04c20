//! `orch-host flow-run ..`

mod cancel;
mod delete;
mod filter;
mod held;
mod inspect;
mod logs;
mod ls;
mod many;
mod pause;
mod replay;
mod resume;
mod retry;
mod watch;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum FlowRunCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Inspect(inspect::InspectArgs),
    Logs(logs::LogsArgs),
    Watch(watch::WatchArgs),
    Cancel(cancel::CancelArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    Retry(retry::RetryArgs),
    Delete(delete::DeleteArgs),
    Replay(replay::ReplayArgs),
}

pub async fn run(command: FlowRunCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        FlowRunCommand::Ls(args) => ls::run(args, cx).await,
        FlowRunCommand::Inspect(args) => inspect::run(args, cx).await,
        FlowRunCommand::Logs(args) => logs::run(args, cx).await,
        FlowRunCommand::Watch(args) => watch::run(args, cx).await,
        FlowRunCommand::Cancel(args) => cancel::run(args, cx).await,
        FlowRunCommand::Pause(args) => pause::run(args, cx).await,
        FlowRunCommand::Resume(args) => resume::run(args, cx).await,
        FlowRunCommand::Retry(args) => retry::run(args, cx).await,
        FlowRunCommand::Delete(args) => delete::run(args, cx).await,
        FlowRunCommand::Replay(args) => replay::run(args, cx).await,
    }
}
