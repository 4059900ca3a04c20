//! `orch-host flow-run cancel ID...`

use std::collections::BTreeSet;

use super::many::{ManyArgs, choose, each};
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::watch::{States, until_ended, warn_of_pool};
use model::{LogLevel, StateType};
use operations::client::BulkVerb;
use operations::control::ControlRefusal;
use operations::view::FlowRunView;

/// Cancel flow runs, and every run that they started
///
/// What has not begun ends at once. What runs or waits is told: its flow gets an error of kind
/// `cancelled` from the wait it is in, may clean up for a short time, and ends. The children of a
/// run that failed go on; to cancel that run cancels them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run cancel silver-otter --watch
  orch-host flow-run cancel --flow etl --state waiting --dry-run")]
pub struct CancelArgs {
    #[command(flatten)]
    many: ManyArgs,
    /// Wait until they have ended
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: CancelArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let Some(chosen) = choose(&args.many, BulkVerb::Cancel, cx).await? else {
        return Ok(ExitStatus::Success);
    };
    let status = each(&chosen, BulkVerb::Cancel, cx, async |run| {
        cancel(run, cx).await
    })
    .await?;
    // What has begun ends once a worker has let it clean up.
    let begun = chosen.runs.iter();
    let begun = begun.filter(|run| run.started.is_some() && run.ended.is_none());
    let pools: BTreeSet<_> = begun.filter_map(|run| run.pool.as_ref()).collect();
    for pool in pools {
        warn_of_pool(cx, Some(pool)).await?;
    }
    if args.watch {
        for run in chosen.runs.iter().filter(|run| run.ended.is_none()) {
            until_ended(cx, run.id, States::All, LogLevel::Info).await?;
        }
    }
    Ok(status)
}

async fn cancel(run: &FlowRunView, cx: &Context) -> anyhow::Result<FlowRunView> {
    // To cancel it again would change nothing, and is no mistake of a program. A person is told.
    if run.state.kind == StateType::Cancelled.as_str() {
        let over = ControlRefusal::Over {
            run: run.name.clone(),
            state: run.state.clone().into(),
        };
        return Err(over.into());
    }
    let was_over = run.ended.is_some();
    let run = cx.client.cancel_run(&run.id.to_string()).await?;
    let name = &run.name;
    cx.out.note(&if was_over {
        format!(
            "Flow run '{name}' is over: it is {}. Runs that it started and that go on are \
             cancelled",
            run.state.name
        )
    } else if run.ended.is_some() {
        format!("Flow run '{name}' cancelled")
    } else {
        format!("Cancelling flow run '{name}'")
    });
    Ok(run)
}
