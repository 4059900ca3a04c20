//! `orch-host flow-run retry ID...`

use super::many::{ManyArgs, choose, each};
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::watch::{States, follow, follow_all};
use model::LogLevel;
use operations::client::{BulkVerb, RetryRun};

/// Open a new attempt of flow runs that are over
///
/// The flow runs again from its start. Tasks and child runs that had completed are not repeated:
/// their results are reused. A filter means those that did not complete.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run retry silver-otter
  orch-host flow-run retry --deployment etl/nightly --state failed --from-scratch --watch")]
pub struct RetryArgs {
    #[command(flatten)]
    many: ManyArgs,
    /// Repeat what had completed, too
    #[arg(long)]
    from_scratch: bool,
    /// Follow them until they end; the exit code says how they did
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: RetryArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let Some(chosen) = choose(&args.many, BulkVerb::Retry, cx).await? else {
        return Ok(ExitStatus::Success);
    };
    let retry = RetryRun {
        from_scratch: args.from_scratch,
    };
    let status = each(&chosen, BulkVerb::Retry, cx, async |run| {
        let run = cx.client.retry_run(&run.id.to_string(), retry).await?;
        cx.out.note(&format!(
            "Flow run '{}' begins attempt {}",
            run.name, run.attempt
        ));
        Ok(run)
    })
    .await?;
    match &chosen.runs[..] {
        _ if !args.watch => Ok(status),
        [run] => follow(cx, run, States::Notable, LogLevel::Info).await,
        runs => {
            let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
            follow_all(cx, &ids).await
        }
    }
}
