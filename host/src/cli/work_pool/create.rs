//! `orch-host work-pool create NAME`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::PoolName;
use operations::client::CreatePool;

/// Create a work pool
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Its name
    name: PoolName,
    /// Flow runs executed at once, over all of its workers [default: no limit]
    #[arg(short, long, value_name = "N")]
    limit: Option<u32>,
    /// Let its runs wait until it is resumed
    #[arg(long)]
    paused: bool,
}

pub async fn run(args: CreateArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let create = CreatePool {
        name: args.name,
        limit: args.limit,
        paused: args.paused,
    };
    let name = cx.client.create_pool(create).await?.name;
    cx.out.note(&format!("Created work pool `{name}`"));
    cx.out.note(&format!(
        "Start a worker for it: `orch-host worker --pool {name}`"
    ));
    Ok(ExitStatus::Success)
}
