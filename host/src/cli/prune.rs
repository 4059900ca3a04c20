//! `orch-host prune --older-than 30d`

use std::time::{Duration, Instant};

use super::context::Context;
use super::error::{ExitStatus, UserError};
use super::output::Format;
use super::text::counted;
use super::time::SpanArg;
use super::values::state as state_arg;
use operations::pruning::{Prune, Pruned, prune};
use operations::view::PrunedView;
use store::StateFilter;

/// The least time between two plain lines of progress.
const LINE_MIN: Duration = Duration::from_secs(5);

/// Delete flow runs that have been over for long, with all that belongs to them
///
/// Runs go by families: a run that nobody started, with all that it and they have started. A family
/// goes once all of it is over and old enough, and otherwise stays as a whole. Totals still count
/// what was deleted. It may be interrupted and given again, and works beside workers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host prune --older-than 30d --dry-run
  orch-host prune --older-than 12h --state completed --keep-failed")]
pub struct PruneArgs {
    /// How long ago all of a family has ended, such as `30d` or `12h`
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    older_than: String,
    /// Only families whose first run has ended in this state; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_parser = state_arg(), ignore_case = true)]
    states: Vec<StateFilter>,
    /// Keep families in which a run has failed or crashed
    #[arg(long)]
    keep_failed: bool,
    /// Count what would go, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(args: PruneArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let older_than: SpanArg = args.older_than.parse().map_err(|reason| {
        UserError::new(format!("`--older-than`: {reason}"))
            .hint("write how long ago, such as `--older-than 30d`")
    })?;
    let wish = Prune {
        older_than: older_than.0,
        states: args.states,
        keep_failed: args.keep_failed,
        dry_run: args.dry_run,
    };
    wish.check().map_err(|refusal| {
        UserError::new(refusal.to_string())
            .hint("`--state` takes `completed`, `failed`, `crashed` or `cancelled`")
    })?;
    let bar = cx.out.progress_line();
    let mut said = Instant::now();
    let pruned = prune(&*cx.client, &wish, |so_far| {
        let line = sentence(so_far, wish.dry_run);
        if !cx.out.is_live() && said.elapsed() >= LINE_MIN {
            cx.out.note(&line);
            said = Instant::now();
        }
        bar.set_message(line);
    })
    .await;
    bar.finish_and_clear();
    let pruned = pruned?;
    let kept = match pruned.kept {
        0 => String::new(),
        1 => "; 1 family stays: it is not over, not old enough, or not meant".to_owned(),
        kept => format!("; {kept} families stay: they are not over, not old enough, or not meant"),
    };
    cx.out
        .note(&format!("{}{kept}", sentence(&pruned, wish.dry_run)));
    if cx.out.format == Format::Json {
        cx.out.json(&PrunedView::new(pruned, wish.dry_run))?;
    }
    Ok(ExitStatus::Success)
}

/// `Deleted 7 flow runs: 5 COMPLETED, 2 FAILED`
fn sentence(pruned: &Pruned, dry_run: bool) -> String {
    let done = if dry_run { "Would delete" } else { "Deleted" };
    let states = pruned.by_state.iter();
    let states: Vec<String> = states.map(|(of, count)| format!("{count} {of}")).collect();
    let runs = counted(pruned.runs, "flow run");
    if states.is_empty() {
        format!("{done} {runs}")
    } else {
        format!("{done} {runs}: {}", states.join(", "))
    }
}
