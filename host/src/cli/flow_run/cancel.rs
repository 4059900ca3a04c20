//! `orch-host flow-run cancel ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::watch::{States, until_ended};
use model::{IdPrefix, LogLevel};
use operations::control::{self, Cancelled};
use operations::follow::Executes;
use operations::resolve;

/// Cancel a flow run, and every run that it started
///
/// What has not begun ends at once. What runs or waits is told: its flow gets an error of kind
/// `cancelled` from the wait it is in, may clean up for a short time, and ends.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
    /// Wait until it has ended
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: CancelArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&*cx.store, &args.id).await?;
    match control::cancel(&*cx.store, &run).await? {
        Cancelled::AtOnce => cx.out.note(&format!("Flow run '{}' cancelled", run.name)),
        Cancelled::Told => {
            cx.out.note(&format!("Cancelling flow run '{}'", run.name));
            if args.watch {
                let (states, level) = (States::All, LogLevel::Info);
                until_ended(cx, run.id, states, level, Executes::AWorker).await?;
            }
        }
    }
    Ok(ExitStatus::Success)
}
