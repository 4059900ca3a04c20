//! `orch-host schedule ls`

use super::target::list;
use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, text};
use crate::cli::time::in_zone_of;
use operations::text::ago;
use operations::view::ScheduleView;

/// List the schedules
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host schedule ls -o wide
  orch-host schedule ls --deployment etl/nightly -o json")]
pub struct LsArgs {
    /// Only those of this deployment, `flow/deployment`, or of a flow that has only one
    #[arg(long, value_name = "NAME")]
    #[arg(add = completions::deployments())]
    deployment: Option<String>,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let schedules = list(cx, args.deployment.as_deref()).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&schedules)?;
        return Ok(ExitStatus::Success);
    }
    let now = cx.now();
    let table = Table::new(["DEPLOYMENT", "NAME", "TIMES", "NEXT", "LAST"]);
    let table = table.with_more(["ZONE", "OVERLAP", "CATCH-UP"]);
    let mut table = table.cutting(&["TIMES", "DEPLOYMENT"]);
    for schedule in &schedules {
        table.row([
            text(&schedule.deployment),
            text(&schedule.name),
            text(schedule.times()),
            text(next(schedule)),
            maybe(schedule.last.map(|at| ago(at, now))),
            text(&schedule.timezone),
            text(schedule.overlap),
            text(schedule.catch_up),
        ]);
    }
    let nothing = "There are no schedules; `orch-host schedule create DEPLOYMENT --cron LINE` \
                   makes one";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}

/// When its next slot is, or why it has none.
fn next(schedule: &ScheduleView) -> String {
    match schedule.next {
        _ if schedule.paused => "paused".to_owned(),
        _ if schedule.held => "when the last run is over".to_owned(),
        None => "none".to_owned(),
        Some(next) => in_zone_of(next, &schedule.timezone),
    }
}
