//! `orch-host flow-run resume ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::resolve;
use crate::cli::time::now;
use crate::model::IdPrefix;
use crate::store::Store;

/// Let a paused flow run go on where it was
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
}

pub async fn run<S: Store>(args: ResumeArgs, cx: &Context<S>) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&*cx.store, &args.id).await?;
    cx.store.resume(run.id, now()).await?;
    cx.out.note(&format!("Flow run '{}' resumed", run.name));
    Ok(ExitStatus::Success)
}
