//! `orch-host artifact inspect KEY`

use super::ls::table;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, text};
use crate::cli::text::{harmless, one_line};
use crate::cli::time::local;
use model::Json;
use operations::artifacts::Grid;
use operations::client::ArtifactQuery;
use operations::text::aligned;
use operations::view::ArtifactView;

/// So many versions are listed.
const VERSIONS_SHOWN: u32 = 10;

/// Show an artifact and its latest versions
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host artifact inspect report
  orch-host artifact inspect report -o json")]
pub struct InspectArgs {
    /// Its key, for the latest version, or its id
    artifact: String,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let artifact = cx.client.inspect_artifact(&args.artifact).await?;
    match cx.out.format {
        Format::Json => cx.out.json(&artifact)?,
        Format::Text => print(&artifact, cx).await?,
    }
    Ok(ExitStatus::Success)
}

async fn print(artifact: &ArtifactView, cx: &Context) -> anyhow::Result<()> {
    cx.out.table(&summary(artifact).table(), "")?;
    if let Some(data) = &artifact.data {
        cx.out.data(&format!("\n{}", shown(data)))?;
    }
    let query = ArtifactQuery {
        key: Some(artifact.key.clone()),
        limit: Some(VERSIONS_SHOWN),
        ..ArtifactQuery::default()
    };
    let versions = cx.client.list_artifacts(query).await?;
    if versions.items.len() > 1 {
        cx.out.data("\nVersions")?;
        cx.out.table(&table(&versions.items, cx.now()), "")?;
    }
    if versions.next.is_some() {
        let key = operations::text::quoted(artifact.key.as_str());
        cx.out.hint(&format!(
            "these are the last {VERSIONS_SHOWN}: `orch-host artifact ls --key {key} --limit 0` lists all"
        ));
    }
    Ok(())
}

fn summary(artifact: &ArtifactView) -> Fields {
    let mut fields = Fields::default();
    fields
        .add("key", text(&artifact.key))
        .add("type", text(&artifact.kind))
        .add_if("description", artifact.description.as_ref())
        .add("id", text(artifact.id))
        .add("flow", text(&artifact.flow))
        .add("flow run", text(&artifact.flow_run_name))
        .add("flow run id", text(artifact.flow_run))
        .add_if("task run", artifact.task_run)
        .add("made", text(local(artifact.at)));
    fields
}

/// What it shows, with its lines.
fn shown(data: &Json) -> String {
    if let Some(grid) = Grid::of(data) {
        return drawn(grid);
    }
    match data.value() {
        serde_json::Value::String(text) => harmless(&text).trim_end().to_owned(),
        serde_json::Value::Number(percent) => format!("{percent} %"),
        other => other.to_string(),
    }
}

fn drawn(Grid { columns, rows }: Grid) -> String {
    let header = columns.iter().map(|name| one_line(name)).collect();
    let rows = rows
        .iter()
        .map(|row| row.iter().map(|cell| one_line(cell)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    aligned(&lines).join("\n")
}
