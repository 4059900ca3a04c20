//! `orch-host work-queue delete NAME`

use super::target::QueueArgs;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;

/// Delete a queue that nothing uses
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-queue delete nightly
  orch-host work-queue delete nightly --pool gpu")]
pub struct DeleteArgs {
    #[command(flatten)]
    queue: QueueArgs,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let QueueArgs { name, pool } = args.queue;
    cx.client.delete_queue(&pool, &name).await?;
    cx.out
        .note(&format!("Deleted work queue `{name}` of `{pool}`"));
    Ok(ExitStatus::Success)
}
