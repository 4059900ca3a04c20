//! `orch-host deployment delete NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use model::DeploymentName;

/// Delete a deployment; its runs stay
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host deployment delete etl/nightly
  orch-host deployment delete etl/nightly --server https://orch.example.com")]
pub struct DeleteArgs {
    /// The deployment `flow/deployment`
    #[arg(value_name = "NAME")]
    #[arg(add = completions::deployments())]
    deployment: String,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    // The whole name: nothing should be deleted by half of one.
    if !args.deployment.contains('/') {
        let name = &args.deployment;
        return Err(
            UserError::new(format!("`{name}` is not of the form `flow/deployment`"))
                .hint("`orch-host deployment ls` lists the deployments")
                .into(),
        );
    }
    cx.client.delete_deployment(&args.deployment).await?;
    // It is of the right form, or it would not have been there.
    let name: DeploymentName = args.deployment.parse()?;
    cx.out.note(&format!("Deleted deployment `{name}`"));
    Ok(ExitStatus::Success)
}
