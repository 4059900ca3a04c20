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
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
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
    let pool = cx.client.create_pool(create).await?;
    let name = &pool.name;
    cx.out.note(&format!("Created work pool `{name}`"));
    cx.out.note(&format!(
        "Start a worker for it: `orch-host worker --pool {name}`"
    ));
    cx.out.changed(&pool)?;
    Ok(ExitStatus::Success)
}
