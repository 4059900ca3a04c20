//! `orch-host worker`: starts one, or lists them.

mod ls;
mod start;

use super::context::Context;
use super::error::ExitStatus;

/// Start a worker, which executes the runs of a work pool
///
/// The first Ctrl-C (or SIGTERM) lets it finish what it executes, the second stops it at once.
/// What it did not finish goes back to the pool, and another worker goes on from there.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  orch-host worker
  orch-host worker --pool gpu --limit 4 --memory 8GiB")]
pub struct WorkerArgs {
    #[command(subcommand)]
    command: Option<WorkerCommand>,
    #[command(flatten)]
    start: start::StartArgs,
}

#[derive(Debug, clap::Subcommand)]
enum WorkerCommand {
    #[command(alias = "list")]
    Ls(ls::LsArgs),
}

impl WorkerArgs {
    /// Whether it starts a worker.
    pub fn is_start(&self) -> bool {
        self.command.is_none()
    }

    /// Whether it executes one run for another worker.
    pub fn is_alone(&self) -> bool {
        self.start.is_alone()
    }
}

pub async fn run(args: WorkerArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    match args.command {
        None => start::run(args.start, cx).await,
        Some(WorkerCommand::Ls(args)) => ls::run(args, cx).await,
    }
}
