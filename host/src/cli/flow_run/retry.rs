//! `orch-host flow-run retry ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::watch::{States, follow};
use model::{IdPrefix, LogLevel};
use operations::client::RetryRun;

/// Open a new attempt of a flow run that is over
///
/// The flow runs again from its start. Tasks and child runs that had completed are not repeated:
/// their results are reused.
#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
    /// Repeat what had completed, too
    #[arg(long)]
    from_scratch: bool,
    /// Follow the run until it ends; the exit code says how it did
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: RetryArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let retry = RetryRun {
        from_scratch: args.from_scratch,
    };
    let run = cx.client.retry_run(&args.id.0, retry).await?;
    cx.out.note(&format!(
        "Flow run '{}' begins attempt {}",
        run.name, run.attempt
    ));
    if args.watch {
        return follow(cx, &run, States::Notable, LogLevel::Info).await;
    }
    Ok(ExitStatus::Success)
}
