//! `orch-host work-pool create NAME`

use super::limit::LimitArg;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::PoolName;
use operations::client::CreatePool;

/// Create a work pool
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool create gpu
  orch-host work-pool create gpu --limit 4 --paused")]
pub struct CreateArgs {
    /// Its name
    name: PoolName,
    /// Flow runs executed at once, over all of its workers [default: no limit]
    #[arg(short, long, value_name = "N")]
    limit: Option<LimitArg>,
    /// Let its runs wait until it is resumed
    #[arg(long)]
    paused: bool,
}

pub async fn run(args: CreateArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let create = CreatePool {
        name: args.name,
        limit: args.limit.and_then(|LimitArg(limit)| limit),
        paused: args.paused,
    };
    let pool = cx.client.create_pool(create).await?;
    let name = &pool.name;
    cx.out.note(&format!("Created work pool `{name}`"));
    cx.out.note(&format!(
        "Start a worker for it: `orch-host worker --pool {name}`"
    ));
    cx.out.changed(&pool)?;
    Ok(ExitStatus::Success)
}
