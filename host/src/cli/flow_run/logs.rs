//! `orch-host flow-run logs ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::{Format, Stream};
use crate::cli::values::level;
use crate::cli::watch::LogPrinter;
use model::{IdPrefix, LogLevel};
use operations::resolve;
use operations::view::{LogView, views};
use store::Topic;

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
    let mut log = LogPrinter::live(cx, run.id, args.level, Stream::Stdout).dated();
    if !args.follow {
        match cx.out.format {
            Format::Text => log.print_new().await?,
            Format::Json => {
                let lines = log.read_all().await?;
                cx.out.json(&views::<_, LogView>(lines))?;
            }
        }
        return Ok(ExitStatus::Success);
    }
    let mut listener = cx.store.listen(Topic::Change)?;
    loop {
        // The state first: what was said before the end is there then.
        let now = cx.store.flow_run(run.id).await?;
        let is_over = now.is_none_or(|run| run.state.kind.is_terminal());
        log.print_new().await?;
        if is_over {
            return Ok(ExitStatus::Success);
        }
        listener.heard().await;
    }
}
