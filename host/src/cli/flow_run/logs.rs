//! `orch-host flow-run logs ID`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::{Format, Stream};
use crate::cli::values::level;
use crate::cli::watch::LogPrinter;
use model::{IdPrefix, LogLevel, TaskName};
use operations::client::{WatchQuery, WatchWhat};
use operations::problem::ProblemKind;
use operations::view::NewsView;

/// Print the log of a flow run, its tasks and subflows included
///
/// With `-o json`, a list; with `--follow` too, an object a line.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run logs silver-otter
  orch-host flow-run logs silver-otter --follow --level debug --task load")]
pub struct LogsArgs {
    /// The run's id, the beginning of it, or its name
    #[arg(add = completions::runs())]
    id: IdPrefix,
    /// Go on until the run ends
    #[arg(short, long)]
    follow: bool,
    /// Show log lines of this level and above
    #[arg(long, default_value = "INFO", value_parser = level(), ignore_case = true)]
    level: LogLevel,
    /// Show only lines with this in their messages
    #[arg(long)]
    text: Option<String>,
    /// Show only lines of runs of this task; may be repeated
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<TaskName>,
    /// Show only lines of this module, and of those below it; may be repeated
    #[arg(long = "target", value_name = "MODULE")]
    targets: Vec<String>,
    /// Show only so many of the last lines
    #[arg(long, value_name = "N", conflicts_with = "follow", value_parser = clap::value_parser!(u32).range(1..))]
    tail: Option<u32>,
}

pub async fn run(args: LogsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let query = WatchQuery {
        what: Some(if args.follow {
            WatchWhat::Lines
        } else {
            WatchWhat::Log
        }),
        level: Some(args.level),
        task: args.tasks,
        target: args.targets,
        text: args.text,
        tail: args.tail,
        after: None,
    };
    let mut watching = cx.client.watch_run(&args.id.0, query).await?;
    let printer = LogPrinter::live(cx, Stream::Stdout).dated();
    let is_list = cx.out.format == Format::Json && !args.follow;
    let mut all = Vec::new();
    let mut is_empty = true;
    loop {
        let news = watching.next().await;
        if let Ok(Some(NewsView::Lines(lines))) = &news {
            is_empty &= lines.is_empty();
        }
        match news {
            Ok(Some(NewsView::Lines(lines))) if is_list => {
                all.extend(lines.into_iter().map(|said| said.line));
            }
            Ok(Some(NewsView::Lines(lines))) => printer.print(lines)?,
            Ok(None | Some(NewsView::Ended(_))) => break,
            Ok(Some(_)) => {}
            // It was deleted while it was followed.
            Err(problem) if args.follow && problem.kind == ProblemKind::NotFound => break,
            Err(problem) => return Err(problem.into()),
        }
    }
    if is_list {
        cx.out.json(&all)?;
    }
    if is_empty {
        cx.out.note("There are no such lines");
    }
    Ok(ExitStatus::Success)
}
