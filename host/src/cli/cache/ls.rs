//! `orch-host cache ls`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::{newest, tell_of_more};
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use model::{TaskName, Timestamp};
use operations::client::CacheQuery;
use operations::text::{ago, size};
use operations::view::CachedView;

/// List results of tasks that are kept for other runs, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host cache ls
  orch-host cache ls --task fetch --limit 0 -o wide")]
pub struct LsArgs {
    /// Only those of tasks of this name
    #[arg(long, value_name = "TASK", add = completions::cached_tasks())]
    task: Option<TaskName>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let found = newest(args.limit, |limit, cursor| {
        cx.client.list_cache(CacheQuery {
            task: args.task.clone(),
            limit: Some(limit),
            cursor,
        })
    });
    let (results, has_more) = found.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&results)?;
        return Ok(ExitStatus::Success);
    }
    let nothing = match &args.task {
        Some(task) => format!("There are no cached results of a task `{task}`"),
        None => "There are no cached results; `#[task(cache = inputs)]` keeps them".to_owned(),
    };
    cx.out.table(&table(&results, cx.now()), &nothing)?;
    if has_more {
        tell_of_more(results.len(), cx);
    }
    Ok(ExitStatus::Success)
}

fn table(results: &[CachedView], now: Timestamp) -> Table {
    let header = ["ID", "TASK", "SCOPE", "KEY", "SIZE", "CREATED", "EXPIRES"];
    let table = Table::new(header).cutting(&["SCOPE", "KEY"]);
    let mut table = table.with_more(["FLOW RUN", "WHOLE ID"]);
    for result in results {
        table.row([
            text(result.id.short()),
            text(&result.task),
            text(&result.scope),
            text(&result.key),
            text(size(result.size)),
            text(ago(result.created, now)),
            text(expires(result, now)),
            text(result.flow_run),
            text(result.id),
        ]);
    }
    table
}

/// `never`, `in 5 min`, or `expired 5 min ago`
pub fn expires(result: &CachedView, now: Timestamp) -> String {
    match result.expires {
        None => "never".to_owned(),
        Some(at) if at <= now => format!("expired {}", ago(at, now)),
        Some(at) => ago(at, now),
    }
}
