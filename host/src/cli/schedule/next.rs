//! `orch-host schedule next DEPLOYMENT [NAME]`

use super::target::TargetArgs;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::time::in_zone_of;
use operations::client::SlotQuery;

/// Show when the next runs of a schedule will be
///
/// Nothing is created by that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host schedule next etl/nightly
  orch-host schedule next etl/nightly mornings --count 30")]
pub struct NextArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
}

pub async fn run(args: NextArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let schedule = args.target.find(cx).await?;
    let query = SlotQuery {
        limit: Some(args.count),
    };
    let slots = cx.client.next_slots(schedule.id, query).await?.items;
    if cx.out.format == Format::Json {
        cx.out.json(&slots)?;
        return Ok(ExitStatus::Success);
    }
    for slot in &slots {
        cx.out.data(&in_zone_of(slot.at, &schedule.timezone))?;
    }
    if schedule.paused {
        cx.out
            .hint("it is paused: slots that come meanwhile make no runs");
    } else if slots.is_empty() {
        cx.out.note("There are no more slots");
    }
    Ok(ExitStatus::Success)
}
