//! `orch-host limit ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use operations::client::LimitQuery;

/// List the limits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host limit ls
  orch-host limit ls -o json")]
pub struct LsArgs {}

pub async fn run(_args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let limits = collect(0, |limit, cursor| {
        cx.client.list_limits(LimitQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let limits = limits.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&limits)?;
        return Ok(ExitStatus::Success);
    }
    let mut table = Table::new(["NAME", "SLOTS", "PER", "TAKEN", "WAITING"]);
    for limit in &limits {
        let per = limit.per().map(model::in_units);
        table.row([
            text(&limit.name),
            text(limit.slots),
            text(per.unwrap_or_default()),
            text(limit.taken),
            text(limit.waiting),
        ]);
    }
    let nothing = "There are no limits; `orch-host limit create NAME --slots N` makes one";
    cx.out.table(&table, nothing)?;
    Ok(ExitStatus::Success)
}
