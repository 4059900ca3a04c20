//! `orch-host work-queue create NAME`

use super::target::QueueArgs;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::work_pool::LimitArg;
use model::Priority;
use operations::client::CreateQueue;

/// Create a queue of a work pool
///
/// Runs go in the order of the priorities of their queues, and within a queue in that of their own.
/// Every tenth start of a pool is for the run that has waited longest, whatever its priority.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-queue create urgent --priority 1
  orch-host work-queue create nightly --pool gpu --limit 4 --paused")]
pub struct CreateArgs {
    #[command(flatten)]
    queue: QueueArgs,
    /// From 1, which goes first, to 100
    #[arg(long, value_name = "N", default_value_t)]
    priority: Priority,
    /// Flow runs of it executed at once, within the limit of the pool [default: no limit]
    #[arg(short, long, value_name = "N")]
    limit: Option<LimitArg>,
    /// Let its runs wait until it is resumed
    #[arg(long)]
    paused: bool,
}

pub async fn run(args: CreateArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let create = CreateQueue {
        name: args.queue.name,
        priority: args.priority,
        limit: args.limit.and_then(|LimitArg(limit)| limit),
        paused: args.paused,
    };
    let queue = cx.client.create_queue(&args.queue.pool, create).await?;
    let (name, pool) = (&queue.name, &queue.pool);
    cx.out
        .note(&format!("Created work queue `{name}` of `{pool}`"));
    cx.out.note(&format!(
        "Put runs into it: `orch-host deploy FILE.wasm --pool {pool} --queue {name}`"
    ));
    cx.out.changed(&queue)?;
    Ok(ExitStatus::Success)
}
