//! `orch-host work-queue set|pause|resume NAME`

use super::target::QueueArgs;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::work_pool::LimitArg;
use model::Priority;
use operations::client::ChangeQueue;

/// Change the priority or the limit of a queue
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-queue set nightly --priority 90 --limit 2
  orch-host work-queue set nightly --pool gpu --limit none")]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct SetArgs {
    #[command(flatten)]
    queue: QueueArgs,
    /// From 1, which goes first, to 100
    #[arg(long, value_name = "N", group = "change")]
    priority: Option<Priority>,
    /// Flow runs of it executed at once: a number, or `none`
    #[arg(short, long, value_name = "N", group = "change")]
    limit: Option<LimitArg>,
}

/// Let a queue's runs wait; what is executed goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-queue pause nightly
  orch-host work-queue pause nightly --pool gpu")]
pub struct PauseArgs {
    #[command(flatten)]
    queue: QueueArgs,
}

/// Let a paused queue go on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-queue resume nightly
  orch-host work-queue resume nightly --pool gpu")]
pub struct ResumeArgs {
    #[command(flatten)]
    queue: QueueArgs,
}

pub async fn set(args: SetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let change = ChangeQueue {
        priority: args.priority,
        paused: None,
        limit: args.limit.map(|LimitArg(limit)| limit),
    };
    apply(args.queue, change, "Changed", cx).await
}

pub async fn pause(args: PauseArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let change = ChangeQueue {
        paused: Some(true),
        ..ChangeQueue::default()
    };
    apply(args.queue, change, "Paused", cx).await
}

pub async fn resume(args: ResumeArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let change = ChangeQueue {
        paused: Some(false),
        ..ChangeQueue::default()
    };
    apply(args.queue, change, "Resumed", cx).await
}

async fn apply(
    QueueArgs { name, pool }: QueueArgs,
    change: ChangeQueue,
    did: &str,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    let queue = cx.client.change_queue(&pool, &name, change).await?;
    let limit = match queue.limit {
        Some(limit) => format!("limit {limit}"),
        None => "no limit".to_owned(),
    };
    let priority = queue.priority;
    cx.out.note(&format!(
        "{did} work queue `{name}` of `{pool}`: priority {priority}, {limit}"
    ));
    cx.out.changed(&queue)?;
    Ok(ExitStatus::Success)
}
