//! `orch-host flow-run cancel ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::named::run_named;
use crate::cli::watch::{States, until_ended};
use model::{IdPrefix, LogLevel, StateType};
use operations::control::ControlRefusal;

/// Cancel a flow run, and every run that it started
///
/// What has not begun ends at once. What runs or waits is told: its flow gets an error of kind
/// `cancelled` from the wait it is in, may clean up for a short time, and ends. The children of a
/// run that failed go on; to cancel that run cancels them.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
    /// Wait until it has ended
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: CancelArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = run_named(cx, &args.id).await?;
    // To cancel it again would change nothing, and is no mistake of a program. A person is told.
    if run.state.kind == StateType::Cancelled.as_str() {
        let over = ControlRefusal::Over {
            run: run.name,
            state: run.state.into(),
        };
        return Err(over.into());
    }
    let was_over = run.ended.is_some();
    let run = cx.client.cancel_run(&run.id.to_string()).await?;
    if was_over {
        cx.out.note(&format!(
            "Flow run '{}' is over: {}. What it had started and goes on is cancelled",
            run.name, run.state.name
        ));
        return Ok(ExitStatus::Success);
    }
    if run.ended.is_some() {
        cx.out.note(&format!("Flow run '{}' cancelled", run.name));
        return Ok(ExitStatus::Success);
    }
    cx.out.note(&format!("Cancelling flow run '{}'", run.name));
    if args.watch {
        until_ended(cx, run.id, States::All, LogLevel::Info).await?;
    }
    Ok(ExitStatus::Success)
}
