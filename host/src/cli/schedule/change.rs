//! `orch-host schedule pause|resume|delete DEPLOYMENT [NAME]`

use super::target::TargetArgs;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::time::in_zone_of;

/// Pause a schedule: slots that come meanwhile make no runs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host schedule pause etl/nightly
  orch-host schedule pause etl/nightly mornings")]
pub struct PauseArgs {
    #[command(flatten)]
    target: TargetArgs,
}

/// Let a paused schedule go on, from its next slot on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host schedule resume etl/nightly
  orch-host schedule resume etl/nightly mornings")]
pub struct ResumeArgs {
    #[command(flatten)]
    target: TargetArgs,
}

/// Delete a schedule and leave its runs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host schedule delete etl/nightly
  orch-host schedule delete etl/nightly mornings")]
pub struct DeleteArgs {
    #[command(flatten)]
    target: TargetArgs,
}

pub async fn pause(args: PauseArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let schedule = args.target.find(cx).await?;
    let (name, deployment) = (&schedule.name, &schedule.deployment);
    if schedule.paused {
        cx.out.note(&format!(
            "Schedule `{name}` of `{deployment}` was paused already"
        ));
        return Ok(ExitStatus::Success);
    }
    let paused = cx.client.pause_schedule(schedule.id).await?;
    cx.out
        .note(&format!("Paused schedule `{name}` of `{deployment}`"));
    cx.out.changed(&paused)?;
    Ok(ExitStatus::Success)
}

pub async fn resume(args: ResumeArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let schedule = args.target.find(cx).await?;
    let (name, deployment) = (&schedule.name, &schedule.deployment);
    if !schedule.paused {
        cx.out.note(&format!(
            "Schedule `{name}` of `{deployment}` was not paused"
        ));
        return Ok(ExitStatus::Success);
    }
    let resumed = cx.client.resume_schedule(schedule.id).await?;
    let next = match resumed.next {
        Some(next) => format!(
            ": the next run is at {}",
            in_zone_of(next, &resumed.timezone)
        ),
        None => ", which has no more slots".to_owned(),
    };
    cx.out.note(&format!(
        "Resumed schedule `{name}` of `{deployment}`{next}"
    ));
    cx.out.changed(&resumed)?;
    Ok(ExitStatus::Success)
}

pub async fn delete(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let schedule = args.target.find(cx).await?;
    cx.client.delete_schedule(schedule.id).await?;
    let (name, deployment) = (&schedule.name, &schedule.deployment);
    cx.out
        .note(&format!("Deleted schedule `{name}` of `{deployment}`"));
    Ok(ExitStatus::Success)
}
