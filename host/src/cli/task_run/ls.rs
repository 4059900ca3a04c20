//! `orch-host task-run ls`

use comfy_table::Cell;

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::{self, tell_of_more};
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, state, text};
use crate::cli::time::took;
use crate::cli::values::state as state_arg;
use model::{IdPrefix, TaskName, Timestamp};
use operations::client::TaskRunQuery;
use operations::text::ago;
use operations::view::TaskRunView;
use store::StateFilter;

/// List task runs, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host task-run ls --flow-run silver-otter
  orch-host task-run ls --task load --state failed --limit 0 -o json")]
pub struct LsArgs {
    /// Only those of this flow run, its subflows included: its id, the beginning of it, or its
    /// name
    #[arg(long, value_name = "ID")]
    #[arg(add = completions::runs())]
    flow_run: Option<IdPrefix>,
    /// Only those in this state; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_parser = state_arg(), ignore_case = true)]
    states: Vec<StateFilter>,
    /// Only those of this task; may be repeated
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<TaskName>,
    /// Only those with this in their names, or whose ids begin so
    #[arg(long)]
    text: Option<String>,
    /// At most so many, the newest ones; 0 for all
    #[arg(long, default_value_t = 15, value_name = "N")]
    limit: u32,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let query = TaskRunQuery {
        flow_run: args.flow_run.map(|IdPrefix(text)| text),
        state: args.states.iter().map(StateFilter::to_string).collect(),
        task: args.tasks,
        text: args.text,
        ..TaskRunQuery::default()
    };
    let (tasks, has_more) = newest(cx, &query, args.limit).await?;
    match cx.out.format {
        Format::Json => cx.out.json(&tasks)?,
        Format::Text => cx
            .out
            .table(&of_any_run(&tasks, cx.now()), "There are no such task runs")?,
    }
    if has_more {
        tell_of_more(tasks.len(), cx);
    }
    Ok(ExitStatus::Success)
}

/// The newest `count` task runs, or all for 0, oldest first; and whether there are more.
pub async fn newest(
    cx: &Context,
    query: &TaskRunQuery,
    count: u32,
) -> anyhow::Result<(Vec<TaskRunView>, bool)> {
    let tasks = listing::newest(count, |limit, cursor| {
        cx.client.list_task_runs(TaskRunQuery {
            limit: Some(limit),
            cursor,
            ..query.clone()
        })
    });
    let (mut tasks, has_more) = tasks.await?;
    tasks.reverse();
    Ok((tasks, has_more))
}

/// The task runs of one flow run.
pub fn table(tasks: &[TaskRunView], now: Timestamp) -> Table {
    let mut table = Table::new(COLUMNS);
    for task in tasks {
        table.row(cells(task, now));
    }
    table
}

/// Task runs of any flow run, which is named.
fn of_any_run(tasks: &[TaskRunView], now: Timestamp) -> Table {
    let table = Table::new(COLUMNS.into_iter().chain(["FLOW RUN"]));
    let mut table = table.with_ids("FLOW RUN").cutting(&["NAME", "REASON"]);
    for task in tasks {
        table.row(cells(task, now).into_iter().chain([text(task.flow_run)]));
    }
    table
}

const COLUMNS: [&str; 6] = ["NAME", "STATE", "ATTEMPT", "STARTED", "TOOK", "REASON"];

fn cells(task: &TaskRunView, now: Timestamp) -> [Cell; 6] {
    let (started, ended) = (task.started, task.ended);
    let took = started.map(|from| took(ended.unwrap_or(now).since(from)));
    [
        text(&task.name),
        state(&task.state),
        text(task.attempt),
        maybe(started.map(|at| ago(at, now))),
        maybe(took),
        maybe(task.state.message.as_ref()),
    ]
}
