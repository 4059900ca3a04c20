//! `orch-host work-queue ls`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use model::PoolName;
use operations::client::{PoolQuery, QueueQuery};
use operations::text::ago;
use operations::view::QueueView;

/// List the queues of the work pools, the first first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-queue ls
  orch-host work-queue ls --pool gpu -o json")]
pub struct LsArgs {
    /// Only those of this work pool
    #[arg(short, long)]
    #[arg(add = completions::pools())]
    pool: Option<PoolName>,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let pools = match args.pool {
        Some(pool) => vec![pool],
        None => {
            let pools = collect(0, |limit, cursor| {
                cx.client.list_pools(PoolQuery {
                    limit: Some(limit),
                    cursor,
                })
            });
            pools.await?.into_iter().map(|pool| pool.name).collect()
        }
    };
    let mut queues: Vec<QueueView> = Vec::new();
    for pool in &pools {
        let of_pool = collect(0, |limit, cursor| {
            cx.client.list_queues(
                pool,
                QueueQuery {
                    limit: Some(limit),
                    cursor,
                },
            )
        });
        queues.append(&mut of_pool.await?);
    }
    if cx.out.format == Format::Json {
        cx.out.json(&queues)?;
        return Ok(ExitStatus::Success);
    }
    let mut table = Table::new([
        "POOL", "NAME", "PRIORITY", "LIMIT", "PAUSED", "ACTIVE", "READY", "OLDEST",
    ]);
    for queue in &queues {
        let limit = queue.limit;
        let oldest = queue.oldest.map(|oldest| ago(oldest, cx.now()));
        table.row([
            text(&queue.pool),
            text(&queue.name),
            text(queue.priority),
            text(limit.map_or("none".to_owned(), |limit| limit.to_string())),
            text(if queue.paused { "yes" } else { "no" }),
            text(queue.active),
            text(queue.ready),
            text(oldest.unwrap_or_default()),
        ]);
    }
    cx.out.table(&table, "There are no work pools")?;
    Ok(ExitStatus::Success)
}
