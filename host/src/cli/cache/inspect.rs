//! `orch-host cache inspect ID`

use super::ls::expires;
use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, text};
use crate::cli::text::{harmless, harmless_json};
use operations::text::{ago, size};

/// Show a cached result, with all of its key and value
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host cache inspect 9f86d081884c
  orch-host cache inspect 9f86d081884c -o json")]
pub struct InspectArgs {
    /// Its id, or at least 4 digits of its beginning
    #[arg(add = completions::cached())]
    id: String,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let result = cx.client.inspect_cached(&args.id).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&result)?;
        return Ok(ExitStatus::Success);
    }
    let now = cx.now();
    let mut fields = Fields::default();
    fields
        .add("id", text(result.id))
        .add("task", text(&result.task))
        .add("scope", text(&result.scope))
        .add_if("component", result.component)
        .add("flow run", text(result.flow_run))
        .add("created", text(ago(result.created, now)))
        .add("expires", text(expires(&result, now)))
        .add("size", text(size(result.size)));
    cx.out.table(&fields.table(), "")?;
    cx.out.data(&format!("\nKey\n{}", harmless(&result.key)))?;
    if let Some(value) = &result.value {
        let value = harmless_json(value.as_str());
        cx.out.data(&format!("\nValue\n{value}"))?;
    }
    Ok(ExitStatus::Success)
}
