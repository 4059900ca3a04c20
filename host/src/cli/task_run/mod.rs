//! `orch-host task-run ..`

mod ls;

use super::context::Context;
use super::error::ExitStatus;

pub use ls::{newest, table};

#[derive(Debug, clap::Subcommand)]
pub enum TaskRunCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
}

pub async fn run(command: TaskRunCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        TaskRunCommand::Ls(args) => ls::run(args, cx).await,
    }
}
