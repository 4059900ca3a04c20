//! `orch-host work-pool inspect NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, text};
use model::PoolName;
use operations::text::ago;

/// Show a work pool and how it is used
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool inspect gpu
  orch-host work-pool inspect gpu -o json")]
pub struct InspectArgs {
    /// Its name
    #[arg(add = completions::pools())]
    name: PoolName,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let pool = cx.client.inspect_pool(&args.name).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&pool)?;
        return Ok(ExitStatus::Success);
    }
    let limit = pool.limit;
    let mut fields = Fields::default();
    fields
        .add("name", text(&pool.name))
        .add(
            "limit",
            text(limit.map_or("none".to_owned(), |limit| limit.to_string())),
        )
        .add("paused", text(if pool.paused { "yes" } else { "no" }))
        .add("created", text(ago(pool.created, cx.now())))
        .add("active runs", text(pool.active))
        .add("ready runs", text(pool.ready))
        .add("scheduled runs", text(pool.scheduled))
        .add("workers", text(pool.workers))
        .add("deployments", text(pool.deployments));
    cx.out.table(&fields.table(), "")?;
    Ok(ExitStatus::Success)
}
