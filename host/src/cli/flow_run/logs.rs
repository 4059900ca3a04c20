//! `orch-host flow-run logs ID`

use std::sync::Arc;

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::{Format, Stream};
use crate::cli::values::level;
use crate::cli::watch::LogPrinter;
use model::{IdPrefix, LogLevel};
use operations::follow::{Event, Follow, FollowRefusal, Interest, Lines};
use operations::resolve;
use operations::view::LogView;
use store::LogFilter;

/// Print the log of a flow run, its tasks and subflows included
///
/// With `-o json`, a list; with `--follow` too, an object a line.
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The run's id, the beginning of it, or its name
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
    /// Show only lines of this module, and of those below it; may be repeated
    #[arg(long = "target", value_name = "MODULE")]
    targets: Vec<String>,
    /// Show only so many of the last lines
    #[arg(long, value_name = "N", conflicts_with = "follow", value_parser = clap::value_parser!(u32).range(1..))]
    tail: Option<u32>,
}

pub async fn run(args: LogsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&*cx.store, &args.id).await?;
    let filter = LogFilter {
        level_min: args.level,
        text: args.text,
        targets: args.targets,
        ..LogFilter::of(run.id)
    };
    let printer = LogPrinter::live(cx, Stream::Stdout).dated();
    if args.follow {
        let store = Arc::clone(&cx.store);
        let follow = Follow::new(store, run.id, args.level, Interest::Nothing);
        let mut follow = follow.only_lines(filter);
        loop {
            match follow.next().await {
                Ok(Event::Lines(lines)) => printer.print(lines)?,
                Ok(Event::Ended(_)) | Err(FollowRefusal::Gone { .. }) => break,
                Ok(_) => {}
                Err(err) => return Err(err.into()),
            }
        }
        return Ok(ExitStatus::Success);
    }
    let mut lines = Lines::that_fit(filter);
    let mut page = match args.tail {
        Some(count) => lines.last(&*cx.store, count).await?,
        None => lines.next(&*cx.store).await?,
    };
    let mut all = Vec::new();
    while !page.is_empty() {
        match cx.out.format {
            Format::Text => printer.print(page)?,
            Format::Json => all.extend(page.into_iter().map(|line| LogView::from(line.line))),
        }
        page = lines.next(&*cx.store).await?;
    }
    if cx.out.format == Format::Json {
        cx.out.json(&all)?;
    }
    Ok(ExitStatus::Success)
}
