//! `orch-host artifact ls`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, text};
use model::{ArtifactKey, IdPrefix, TaskRunId, Timestamp};
use operations::artifacts::in_short;
use operations::client::ArtifactQuery;
use operations::text::ago;
use operations::view::ArtifactView;

/// List artifacts: of each key the latest, by key; or all of a key or a run, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host artifact ls
  orch-host artifact ls --flow-run silver-otter --limit 0 -o wide")]
pub struct LsArgs {
    /// All versions of this key
    #[arg(long, value_name = "KEY", group = "of")]
    key: Option<ArtifactKey>,
    /// Those of this flow run, its subflows included: its id, the beginning of it, or its name
    #[arg(long, value_name = "ID", group = "of")]
    #[arg(add = completions::runs())]
    flow_run: Option<IdPrefix>,
    /// Those of this task run
    #[arg(long, value_name = "ID", group = "of")]
    task_run: Option<TaskRunId>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let query = ArtifactQuery {
        key: args.key,
        flow_run: args.flow_run.map(|IdPrefix(text)| text),
        task_run: args.task_run,
        ..ArtifactQuery::default()
    };
    let artifacts = collect(args.limit, |limit, cursor| {
        cx.client.list_artifacts(ArtifactQuery {
            limit: Some(limit),
            cursor,
            ..query.clone()
        })
    });
    let artifacts = artifacts.await?;
    match cx.out.format {
        Format::Json => cx.out.json(&artifacts)?,
        Format::Text => {
            let nothing = "There are no such artifacts";
            cx.out.table(&table(&artifacts, cx.now()), nothing)?;
            if args.limit > 0 && artifacts.len() == args.limit as usize {
                let limit = args.limit;
                cx.out.hint(&format!(
                    "these are the first {limit}: `--limit 0` lists all"
                ));
            }
        }
    }
    Ok(ExitStatus::Success)
}

pub fn table(artifacts: &[ArtifactView], now: Timestamp) -> Table {
    let header = ["KEY", "TYPE", "SHOWS", "FLOW", "FLOW RUN", "MADE"];
    let table = Table::new(header).cutting(&["SHOWS", "FLOW"]);
    let mut table = table.with_more(["ID", "TASK RUN", "DESCRIPTION"]);
    for artifact in artifacts {
        table.row([
            text(&artifact.key),
            text(&artifact.kind),
            text(in_short(artifact)),
            text(&artifact.flow),
            text(&artifact.flow_run_name),
            text(ago(artifact.at, now)),
            text(artifact.id),
            maybe(artifact.task_run),
            maybe(artifact.description.as_ref()),
        ]);
    }
    table
}
