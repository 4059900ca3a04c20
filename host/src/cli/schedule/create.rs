//! `orch-host schedule create DEPLOYMENT`

use super::times::TimesArgs;
use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::params::ParamArgs;
use crate::cli::time::{TimeArg, in_zone_of};
use model::{FlowDescription, ScheduleName};
use operations::client::CreateSchedule;

/// Add a schedule to a deployment
///
/// Each slot of it makes one run. Hours that a change of the clock skips or repeats are treated as
/// cron does: a line for certain hours runs once, at the end of what is skipped, or the first time;
/// a line for every hour runs whenever the clock shows its time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host schedule create etl/nightly --cron '0 9 * * 1-5' --timezone Europe/Berlin
  orch-host schedule create etl --name often --interval 15m --overlap skip -p days=1")]
pub struct CreateArgs {
    /// The deployment `flow/deployment`, or a flow that has only one
    #[arg(add = completions::deployments())]
    deployment: String,
    /// What it is called [default: `default`]
    #[arg(short, long)]
    name: Option<ScheduleName>,
    #[command(flatten)]
    times: TimesArgs,
    #[command(flatten)]
    params: ParamArgs,
    /// No slot is before this time
    #[arg(long, value_name = "TIME")]
    start: Option<TimeArg>,
    /// No slot is after this time
    #[arg(long, value_name = "TIME")]
    end: Option<TimeArg>,
    /// Make no runs until it is resumed
    #[arg(long)]
    paused: bool,
}

pub async fn run(args: CreateArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let mut schedules = args.times.schedules();
    let times = match (schedules.pop(), schedules.is_empty()) {
        (Some(times), true) => times,
        (None, _) => {
            return Err(UserError::new("when are its runs to be?")
                .hint("give `--cron LINE`, `--interval SPAN` or `--rrule RULE`")
                .into());
        }
        (Some(_), false) => {
            return Err(
                UserError::new("a schedule has one of cron, interval and rrule")
                    .hint("a deployment may have several schedules, each with a `--name`")
                    .into(),
            );
        }
    };
    let details = cx.client.inspect_deployment(&args.deployment).await?;
    let flow: FlowDescription = details.flow.into();
    let create = CreateSchedule {
        name: args.name,
        parameters: Some(args.params.object(&flow)?),
        start: args.start.map(|TimeArg(at)| at),
        end: args.end.map(|TimeArg(at)| at),
        paused: args.paused,
        ..times
    };
    let made = cx.client.create_schedule(&args.deployment, create).await?;
    let (name, deployment) = (&made.name, &made.deployment);
    let next = match made.next {
        Some(next) if !made.paused => {
            format!(": the first run is at {}", in_zone_of(next, &made.timezone))
        }
        _ => String::new(),
    };
    cx.out.note(&format!(
        "Created schedule `{name}` of `{deployment}`{next}"
    ));
    cx.out.changed(&made)?;
    Ok(ExitStatus::Success)
}
