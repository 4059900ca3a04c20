//! `orch-host deployment inspect NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::schedule::list;
use crate::cli::table::{Fields, text};
use operations::text::{ago, signature_of};
use operations::view::DeploymentDetailsView;

/// Show a deployment and the parameters that its flow takes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host deployment inspect etl/nightly
  orch-host deployment inspect etl -o json")]
pub struct InspectArgs {
    /// The deployment `flow/deployment`, or a flow that has only one
    #[arg(value_name = "NAME")]
    #[arg(add = completions::deployments())]
    deployment: String,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let details = cx.client.inspect_deployment(&args.deployment).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&details)?;
        return Ok(ExitStatus::Success);
    }
    let DeploymentDetailsView { deployment, flow } = details;
    let schedules = list(cx, Some(&deployment.name.to_string())).await?;
    let schedules: Vec<String> = schedules
        .iter()
        .map(|it| format!("{}: {} ({})", it.name, it.times(), it.timezone))
        .collect();
    let now = cx.now();
    let mut fields = Fields::default();
    fields
        .add("name", text(&deployment.name))
        .add_if("description", deployment.description.as_ref())
        .add("pool", text(&deployment.pool))
        .add_if("queue", deployment.work_queue.as_ref())
        .add_if("priority", deployment.priority)
        .add_if(
            "concurrency",
            deployment.concurrency.as_ref().map(|it| it.in_words()),
        )
        .add("takes", text(signature_of(&flow.schema.parameters)))
        .add("defaults", text(&deployment.parameters))
        .add("component", text(deployment.component))
        .add("created", text(ago(deployment.created, now)))
        .add("updated", text(ago(deployment.updated, now)));
    if !deployment.tags.is_empty() {
        fields.add("tags", text(deployment.tags.join(", ")));
    }
    if !deployment.limits.is_empty() {
        let names = deployment.limits.iter().map(ToString::to_string);
        fields.add("limits", text(names.collect::<Vec<_>>().join(", ")));
    }
    if !schedules.is_empty() {
        fields.add("schedules", text(schedules.join(", ")));
    }
    let grants = deployment.grants.in_words();
    if !grants.is_empty() {
        fields.add("granted", text(grants.join(", ")));
    }
    cx.out.table(&fields.table(), "")?;
    Ok(ExitStatus::Success)
}
