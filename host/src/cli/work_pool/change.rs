//! `orch-host work-pool pause|resume|set-limit NAME`

use super::limit::LimitArg;
use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::text::counted;
use model::PoolName;
use operations::client::ChangePool;

/// Let a work pool's runs wait; what is executed goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool pause gpu
  orch-host work-pool pause gpu --server https://orch.example.com")]
pub struct PauseArgs {
    /// Its name
    #[arg(add = completions::pools())]
    name: PoolName,
}

/// Let a paused work pool go on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool resume gpu
  orch-host work-pool resume gpu --server https://orch.example.com")]
pub struct ResumeArgs {
    /// Its name
    #[arg(add = completions::pools())]
    name: PoolName,
}

/// Change how many flow runs of a work pool are executed at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host work-pool set-limit gpu 4
  orch-host work-pool set-limit gpu none")]
pub struct SetLimitArgs {
    /// Its name
    #[arg(add = completions::pools())]
    name: PoolName,
    /// A number, or `none`
    limit: LimitArg,
}

pub async fn pause(args: PauseArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let change = ChangePool {
        paused: Some(true),
        limit: None,
    };
    let said = format!("Paused work pool `{}`", args.name);
    apply(&args.name, change, &said, cx).await
}

pub async fn resume(args: ResumeArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let change = ChangePool {
        paused: Some(false),
        limit: None,
    };
    let said = format!("Resumed work pool `{}`", args.name);
    apply(&args.name, change, &said, cx).await
}

pub async fn set_limit(args: SetLimitArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let LimitArg(limit) = args.limit;
    let change = ChangePool {
        paused: None,
        limit: Some(limit),
    };
    let name = &args.name;
    let said = match limit {
        Some(limit) => format!(
            "Work pool `{name}` executes up to {} at once",
            counted(u64::from(limit), "flow run")
        ),
        None => format!("Work pool `{name}` has no limit"),
    };
    apply(name, change, &said, cx).await
}

async fn apply(
    name: &PoolName,
    change: ChangePool,
    said: &str,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    let pool = cx.client.change_pool(name, change).await?;
    cx.out.note(said);
    cx.out.changed(&pool)?;
    Ok(ExitStatus::Success)
}
