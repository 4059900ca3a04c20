//! `orch-host limit set NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::text::counted;
use crate::cli::time::SpanArg;
use model::LimitName;
use operations::client::ChangeLimit;
use operations::view::LimitView;

/// Change a limit
///
/// One that is made smaller takes nothing back: nobody gets a slot until enough are free.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host limit set database --slots 8
  orch-host limit set shop-api --slots 50 --per 30s")]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct SetArgs {
    /// Its name
    #[arg(add = completions::limits())]
    name: LimitName,
    /// How many at once; of a rate limit, how many within its time
    #[arg(short, long, value_name = "N", group = "change")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    /// How long each slot stays taken, whatever becomes of the run
    #[arg(long, value_name = "DURATION", group = "change")]
    per: Option<SpanArg>,
}

pub async fn run(args: SetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let change = ChangeLimit {
        slots: args.slots,
        per_ms: args.per.map(|per| Some(in_ms(per))),
    };
    let limit = cx.client.change_limit(&args.name, change).await?;
    cx.out.note(&format!(
        "Changed limit `{}`: {}",
        limit.name,
        in_words(&limit)
    ));
    cx.out.changed(&limit)?;
    Ok(ExitStatus::Success)
}

pub fn in_ms(SpanArg(span): SpanArg) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// `5 slots`, or `100 slots in 1m`
pub fn in_words(limit: &LimitView) -> String {
    let slots = counted(u64::from(limit.slots), "slot");
    match limit.per() {
        Some(per) => format!("{slots} in {}", model::in_units(per)),
        None => slots,
    }
}
