//! `orch-host flow-run watch ID`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::named::run_named;
use crate::cli::values::level;
use crate::cli::watch::{States, follow};
use model::{IdPrefix, LogLevel};

/// Follow a flow run until it ends; the exit code says how it did
///
/// Its log and its states are written to stderr, its result to stdout as JSON. Ctrl-C ends the
/// watching, not the run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run watch silver-otter
  orch-host flow-run watch silver-otter --level warn > result.json")]
pub struct WatchArgs {
    /// The run's id, the beginning of it, or its name
    #[arg(add = completions::runs())]
    id: IdPrefix,
    /// Show log lines of this level and above
    #[arg(long, default_value = "INFO", value_parser = level(), ignore_case = true)]
    level: LogLevel,
}

pub async fn run(args: WatchArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = run_named(cx, &args.id).await?;
    follow(cx, &run, States::All, args.level).await
}
