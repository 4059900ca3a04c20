//! `orch-host work-pool ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use operations::client::PoolQuery;

/// List the work pools
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool ls
  orch-host work-pool ls -o json")]
pub struct LsArgs {}

pub async fn run(_args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let pools = collect(0, |limit, cursor| {
        cx.client.list_pools(PoolQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let pools = pools.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&pools)?;
        return Ok(ExitStatus::Success);
    }
    let mut table = Table::new([
        "NAME",
        "LIMIT",
        "PAUSED",
        "ACTIVE",
        "READY",
        "SCHEDULED",
        "WORKERS",
        "DEPLOYMENTS",
    ]);
    for pool in &pools {
        let limit = pool.limit;
        table.row([
            text(&pool.name),
            text(limit.map_or("none".to_owned(), |limit| limit.to_string())),
            text(if pool.paused { "yes" } else { "no" }),
            text(pool.active),
            text(pool.ready),
            text(pool.scheduled),
            text(pool.workers),
            text(pool.deployments),
        ]);
    }
    let nothing = "There are no work pools; `orch-host work-pool create NAME` makes one";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}
