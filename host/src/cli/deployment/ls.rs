//! `orch-host deployment ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use model::FlowName;
use operations::text::ago;
use operations::view::{DeploymentView, views};

/// List the deployments
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// Only those of this flow
    #[arg(long)]
    flow: Option<FlowName>,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let deployments = cx.store.deployments(args.flow.as_ref()).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&views::<_, DeploymentView>(deployments))?;
        return Ok(ExitStatus::Success);
    }
    let now = cx.now();
    let mut table = Table::new(["NAME", "POOL", "PARAMETERS", "TAGS", "COMPONENT", "UPDATED"]);
    for deployment in &deployments {
        table.row([
            text(&deployment.name),
            text(&deployment.pool),
            text(&deployment.parameters),
            text(deployment.tags.join(", ")),
            text(deployment.component.short()),
            text(ago(deployment.updated, now)),
        ]);
    }
    let nothing = "There are no deployments; `orch-host deploy FILE.wasm` makes some";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}
