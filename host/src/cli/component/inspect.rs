//! `orch-host component inspect DIGEST|FILE`

use std::path::Path;

use crate::cli::context::{Context, Room};
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, Table, maybe, text};
use crate::cli::wasm_file::WasmFile;
use operations::text::signature_of;
use operations::view::{CacheOptionsView, ComponentView};
use wasm::Limits;

/// Show what a component declares: its flows, tasks and their schemas
///
/// With `-o json` the schemas are shown whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host component inspect etl.wasm
  orch-host component inspect 3f9a1c -o json")]
pub struct InspectArgs {
    /// A `.wasm` file, or the digest of a component that is kept, or the beginning of one
    #[arg(value_name = "DIGEST|FILE")]
    component: String,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let component = find(&args.component, cx).await?;
    if cx.out.format == Format::Json {
        cx.out.json(&component)?;
        return Ok(ExitStatus::Success);
    }
    let mut fields = Fields::default();
    fields
        .add("digest", text(component.digest))
        .add("size", text(format!("{} bytes", component.size)));
    cx.out.table(&fields.table(), "")?;

    let mut flows = Table::new(["FLOW", "TAKES", "DESCRIPTION"]);
    for flow in &component.manifest.flows {
        flows.row([
            text(&flow.name),
            text(signature_of(&flow.schema.parameters)),
            maybe(flow.description.as_ref()),
        ]);
    }
    let tasks = Table::new(["TASK", "TAKES", "RETRIES", "DESCRIPTION"]);
    let mut tasks = tasks.with_more(["RESULTS", "LIMITS"]);
    for task in &component.manifest.tasks {
        let limits: Vec<&str> = task.options.limits.iter().map(|it| it.as_str()).collect();
        tasks.row([
            text(&task.name),
            text(signature_of(&task.schema.parameters)),
            text(task.options.retries.unwrap_or(0)),
            maybe(task.description.as_ref()),
            maybe(task.options.cache.as_ref().map(CacheOptionsView::in_words)),
            maybe(Some(limits.join(", ")).filter(|it| !it.is_empty())),
        ]);
    }
    for table in [flows, tasks] {
        if !table.is_empty() {
            cx.out.data("")?;
            cx.out.table(&table, "")?;
        }
    }
    Ok(ExitStatus::Success)
}

async fn find(text: &str, cx: &Context) -> anyhow::Result<ComponentView> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digest = !hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit());
    if !is_digest || Path::new(text).exists() {
        let runtime = cx.runtime(Room::FEW, Limits::default())?;
        let file = WasmFile::read(Path::new(text), &runtime, cx.now()).await?;
        return Ok(file.component.into());
    }
    Ok(cx.client.inspect_component(text).await?)
}
