//! `orch-host limit delete NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::LimitName;

/// Delete a limit; what waited for it goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host limit delete database
  orch-host limit delete database --server https://orch.example.com")]
pub struct DeleteArgs {
    /// Its name
    #[arg(add = completions::limits())]
    name: LimitName,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    cx.client.delete_limit(&args.name).await?;
    cx.out.note(&format!("Deleted limit `{}`", args.name));
    Ok(ExitStatus::Success)
}
