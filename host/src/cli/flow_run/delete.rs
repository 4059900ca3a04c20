//! `orch-host flow-run delete ID...`

use super::many::{ManyArgs, choose, each};
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use operations::client::BulkVerb;

/// Delete flow runs that are over, with all that belongs to them
///
/// The journal, the log, the task runs and the subflows of a run go with it. Runs that it started
/// stay. This cannot be undone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run delete silver-otter
  orch-host flow-run delete --flow etl --state cancelled --until 30d --dry-run")]
pub struct DeleteArgs {
    #[command(flatten)]
    many: ManyArgs,
}

pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let Some(chosen) = choose(&args.many, BulkVerb::Delete, cx).await? else {
        return Ok(ExitStatus::Success);
    };
    each(&chosen, BulkVerb::Delete, cx, async |run| {
        cx.client.delete_run(&run.id.to_string()).await?;
        cx.out.note(&format!("Flow run '{}' deleted", run.name));
        Ok(run.clone())
    })
    .await
}
