//! `orch-host secret delete NAME`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::SecretName;

/// Delete a secret
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host secret delete db-password
  orch-host secret delete db-password --server https://orch.example.com")]
pub struct DeleteArgs {
    /// Its name
    name: SecretName,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    cx.client.delete_secret(&args.name).await?;
    cx.out.note(&format!("Deleted secret `{}`", args.name));
    Ok(ExitStatus::Success)
}
