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
}

pub async fn run(args: LogsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&*cx.store, &args.id).await?;
    let printer = LogPrinter::live(cx, Stream::Stdout).dated();
    if args.follow {
        let store = Arc::clone(&cx.store);
        let mut follow = Follow::new(store, run.id, args.level, Interest::Nothing);
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
    let mut lines = Lines::new(run.id, args.level);
    let mut all = Vec::new();
    loop {
        let page = lines.next(&*cx.store).await?;
        if page.is_empty() {
            break;
        }
        match cx.out.format {
            Format::Text => printer.print(page)?,
            Format::Json => all.extend(page.into_iter().map(|line| LogView::from(line.line))),
        }
    }
    if cx.out.format == Format::Json {
        cx.out.json(&all)?;
    }
    Ok(ExitStatus::Success)
}
