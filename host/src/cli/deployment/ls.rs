//! `orch-host deployment ls`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use model::FlowName;
use operations::client::DeploymentQuery;
use operations::text::ago;

/// List the deployments
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host deployment ls
  orch-host deployment ls --flow etl -o json")]
pub struct LsArgs {
    /// Only those of this flow
    #[arg(long)]
    #[arg(add = completions::flows())]
    flow: Option<FlowName>,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let deployments = collect(0, |limit, cursor| {
        cx.client.list_deployments(DeploymentQuery {
            flow: args.flow.clone(),
            limit: Some(limit),
            cursor,
            ..DeploymentQuery::default()
        })
    });
    let deployments = deployments.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&deployments)?;
        return Ok(ExitStatus::Success);
    }
    let now = cx.now();
    let table = Table::new([
        "NAME",
        "POOL",
        "PARAMETERS",
        "TAGS",
        "NEXT RUN",
        "COMPONENT",
        "UPDATED",
    ]);
    let mut table = table.cutting(&["TAGS", "PARAMETERS", "COMPONENT"]);
    for deployment in &deployments {
        let next = deployment.next_slot.map(|at| ago(at, now));
        table.row([
            text(&deployment.name),
            text(&deployment.pool),
            text(&deployment.parameters),
            text(deployment.tags.join(", ")),
            text(next.unwrap_or_default()),
            text(deployment.component.short()),
            text(ago(deployment.updated, now)),
        ]);
    }
    let nothing = "There are no deployments; `orch-host deploy FILE.wasm` makes some";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}
