//! `orch-host variable delete NAME`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::VariableName;

/// Delete a variable
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host variable delete region
  orch-host variable delete region --server https://orch.example.com")]
pub struct DeleteArgs {
    /// Its name
    name: VariableName,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    cx.client.delete_variable(&args.name).await?;
    cx.out.note(&format!("Deleted variable `{}`", args.name));
    Ok(ExitStatus::Success)
}
