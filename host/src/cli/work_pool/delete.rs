//! `orch-host work-pool delete NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::PoolName;

/// Delete a work pool that nothing uses
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool delete gpu
  orch-host work-pool delete gpu --server https://orch.example.com")]
pub struct DeleteArgs {
    /// Its name
    #[arg(add = completions::pools())]
    name: PoolName,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    cx.client.delete_pool(&args.name).await?;
    cx.out.note(&format!("Deleted work pool `{}`", args.name));
    Ok(ExitStatus::Success)
}
