//! `orch-host cache clear ID...`

use std::io::{BufRead as _, IsTerminal as _};

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::text::counted;
use model::{Digest, TaskName};
use operations::client::ClearCache;
use operations::view::ClearedView;

/// Clear cached results: the next calls with their keys compute them anew
///
/// What a run has been given already stays with it. Results that have expired are cleared by
/// themselves while a worker is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host cache clear 9f86d081884c
  orch-host cache clear --task fetch --yes")]
pub struct ClearArgs {
    /// The ids of results, or at least 4 digits of the beginning of each
    #[arg(value_name = "ID", add = completions::cached())]
    ids: Vec<String>,
    /// All of tasks of this name
    #[arg(long, value_name = "TASK", add = completions::cached_tasks())]
    task: Option<TaskName>,
    /// All that have expired
    #[arg(long)]
    expired: bool,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Do not ask whether all of a task, or all of them, are meant
    #[arg(short, long)]
    yes: bool,
}

impl ClearArgs {
    /// Errs unless one thing says what is cleared.
    fn check(&self) -> Result<(), UserError> {
        let given = [
            !self.ids.is_empty(),
            self.task.is_some(),
            self.expired,
            self.all,
        ];
        let message = match given.into_iter().filter(|is_given| *is_given).count() {
            1 => return Ok(()),
            0 => "it is not said which cached results to clear",
            _ => "it is said in several ways which cached results to clear",
        };
        Err(UserError::new(message).hint("give one of ids, `--task TASK`, `--expired` and `--all`"))
    }
}

pub async fn run(args: ClearArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    args.check()?;
    let cleared = if args.ids.is_empty() {
        if !args.expired && !args.yes && !is_meant(args.task.as_ref(), cx)? {
            cx.out.note("Nothing was cleared");
            return Ok(ExitStatus::Success);
        }
        let which = ClearCache {
            task: args.task,
            expired: args.expired.then_some(true),
            all: args.all.then_some(true),
        };
        cx.client.clear_cache(which).await?
    } else {
        named(&args.ids, cx).await?
    };
    let count = counted(cleared.cleared, "cached result");
    cx.out.note(&format!("Cleared {count}"));
    cx.out.changed(&cleared)?;
    Ok(ExitStatus::Success)
}

/// Finds all before any is cleared, so that a mistyped id clears nothing.
async fn named(ids: &[String], cx: &Context) -> anyhow::Result<ClearedView> {
    let mut found: Vec<Digest> = Vec::new();
    for id in ids {
        let result = cx.client.inspect_cached(id).await?;
        if !found.contains(&result.id) {
            found.push(result.id);
        }
    }
    for id in &found {
        cx.client.clear_cached(&id.to_string()).await?;
    }
    Ok(ClearedView {
        cleared: found.len() as u64,
    })
}

/// Asks on a terminal. Elsewhere nobody can answer.
fn is_meant(task: Option<&TaskName>, cx: &Context) -> anyhow::Result<bool> {
    let which = match task {
        Some(task) => format!("all cached results of task `{task}`"),
        None => "all cached results".to_owned(),
    };
    if !std::io::stdin().is_terminal() {
        return Err(UserError::new(format!("this would clear {which}"))
            .hint("`--yes` does it, `orch-host cache ls` shows which they are")
            .into());
    }
    cx.out
        .note(&format!("This would clear {which}. Type `yes` to go on"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
