//! `orch-host flow-run pause ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::IdPrefix;

/// Stop a flow run until it is resumed
///
/// Tasks that are under way end first. A paused run holds no slot and no memory.
#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
}

pub async fn run(args: PauseArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = cx.client.pause_run(&args.id.0).await?;
    cx.out.note(&format!("Flow run '{}' paused", run.name));
    Ok(ExitStatus::Success)
}
