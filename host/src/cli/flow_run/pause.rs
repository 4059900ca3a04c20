//! `orch-host flow-run pause ID...`

use super::many::{ManyArgs, choose, each};
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use operations::client::BulkVerb;

/// Stop flow runs until they are resumed
///
/// Tasks that are under way end first. A paused run holds no slot and no memory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run pause silver-otter
  orch-host flow-run pause --pool gpu --state running --yes")]
pub struct PauseArgs {
    #[command(flatten)]
    many: ManyArgs,
}

pub async fn run(args: PauseArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let Some(chosen) = choose(&args.many, BulkVerb::Pause, cx).await? else {
        return Ok(ExitStatus::Success);
    };
    each(&chosen, BulkVerb::Pause, cx, async |run| {
        let run = cx.client.pause_run(&run.id.to_string()).await?;
        cx.out.note(&format!("Flow run '{}' paused", run.name));
        Ok(run)
    })
    .await
}
