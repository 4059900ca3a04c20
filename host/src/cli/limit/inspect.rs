//! `orch-host limit inspect NAME`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, Table, text};
use model::LimitName;
use operations::text::ago;

/// Show a limit, who has slots of it, and who waits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host limit inspect database
  orch-host limit inspect database -o json")]
pub struct InspectArgs {
    /// Its name
    #[arg(add = completions::limits())]
    name: LimitName,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let details = cx.client.inspect_limit(&args.name).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&details)?;
        return Ok(ExitStatus::Success);
    }
    let (limit, now) = (&details.limit, cx.now());
    let mut fields = Fields::default();
    fields
        .add("name", text(&limit.name))
        .add("limit", text(super::set::in_words(limit)))
        .add("taken", text(limit.taken))
        .add("waiting", text(limit.waiting))
        .add("created", text(ago(limit.created, now)));
    cx.out.table(&fields.table(), "")?;
    if !details.permits.is_empty() {
        let mut table = Table::new(["FLOW RUN", "NAME", "TAKEN BY", "SLOTS", "SINCE"]);
        for permit in &details.permits {
            let since = match permit.granted {
                Some(granted) => format!("has it, {}", ago(granted, now)),
                None => format!("waits, {}", ago(permit.asked, now)),
            };
            table.row([
                text(permit.run),
                text(&permit.name),
                text(permit.taken_by()),
                text(permit.slots),
                text(since),
            ]);
        }
        cx.out.data("")?;
        cx.out.table(&table, "")?;
    }
    Ok(ExitStatus::Success)
}
