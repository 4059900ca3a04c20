//! `orch-host worker ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, text};
use model::PoolName;
use operations::client::WorkerQuery;
use operations::text::ago;

/// List the workers that are alive
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// Only those of this work pool
    #[arg(short, long)]
    pool: Option<PoolName>,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let workers = collect(0, |limit, cursor| {
        cx.client.list_workers(WorkerQuery {
            pool: args.pool.clone(),
            limit: Some(limit),
            cursor,
        })
    });
    let workers = workers.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&workers)?;
        return Ok(ExitStatus::Success);
    }
    let now = cx.now();
    let mut table = Table::new([
        "NAME", "POOL", "LIMIT", "PID", "HOST", "VERSION", "STARTED", "HEARD OF",
    ]);
    for worker in &workers {
        table.row([
            text(&worker.name),
            maybe(worker.pool.as_ref()),
            text(worker.limit),
            text(worker.pid),
            text(&worker.host),
            maybe(worker.version.as_ref()),
            text(ago(worker.started, now)),
            text(ago(worker.heartbeat, now)),
        ]);
    }
    let nothing = "No worker is alive; `orch-host worker --pool default-pool` starts one";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}
