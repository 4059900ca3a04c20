//! `orch-host component ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use operations::client::ComponentQuery;
use operations::text::ago;

/// List the components that are kept, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host component ls
  orch-host component ls -o json")]
pub struct LsArgs {}

pub async fn run(_args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let components = collect(0, |limit, cursor| {
        cx.client.list_components(ComponentQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let components = components.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&components)?;
        return Ok(ExitStatus::Success);
    }
    let now = cx.now();
    let table = Table::new(["DIGEST", "FLOWS", "TASKS", "SIZE", "CREATED"]);
    let mut table = table.cutting(&["FLOWS"]);
    for component in &components {
        let flows = component.manifest.flows.iter();
        let flows: Vec<&str> = flows.map(|flow| flow.name.as_str()).collect();
        table.row([
            text(component.digest.short()),
            text(flows.join(", ")),
            text(component.manifest.tasks.len()),
            text(format!("{} KB", component.size.div_ceil(1000))),
            text(ago(component.created, now)),
        ]);
    }
    let nothing = "There are no components; `orch-host deploy FILE.wasm` brings one";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}
