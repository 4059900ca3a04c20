//! `orch-host prune --older-than 30d`

use std::time::{Duration, Instant};

use super::context::Context;
use super::error::{ExitStatus, UserError};
use super::output::Format;
use super::text::counted;
use super::time::SpanArg;
use super::values::state as state_arg;
use operations::client::PruneRule;
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
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct PruneArgs {
    #[command(subcommand)]
    command: Option<PruneCommand>,
    /// How long ago all of a family has ended, such as `30d` or `12h`
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true, required = true)]
    older_than: Option<String>,
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

/// What is deleted by itself.
#[derive(Debug, clap::Subcommand)]
enum PruneCommand {
    Set(SetArgs),
    Show(ShowArgs),
    Unset(UnsetArgs),
}

/// Delete by itself, each hour, what has been over for long
///
/// Any worker or server does it, beside its work, and then deletes components that no deployment and
/// no run is of.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host prune set --older-than 30d --keep-failed
  orch-host prune set --older-than 7d --state completed")]
struct SetArgs {
    /// How long ago all of a family has ended, such as `30d` or `12h`
    #[arg(long, value_name = "SPAN")]
    older_than: String,
    /// Only families whose first run has ended in this state; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_parser = state_arg(), ignore_case = true)]
    states: Vec<StateFilter>,
    /// Keep families in which a run has failed or crashed
    #[arg(long)]
    keep_failed: bool,
}

/// Show what is deleted by itself
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host prune show
  orch-host prune show -o json")]
struct ShowArgs {}

/// Delete nothing by itself any more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host prune unset
  orch-host prune unset --server https://orch.example.com")]
struct UnsetArgs {}

fn span(older_than: &str) -> Result<SpanArg, UserError> {
    older_than.parse().map_err(|reason| {
        UserError::new(format!("`--older-than`: {reason}"))
            .hint("write how long ago, such as `--older-than 30d`")
    })
}

async fn follow(command: PruneCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        PruneCommand::Set(args) => {
            let SpanArg(older_than) = span(&args.older_than)?;
            let rule = PruneRule {
                older_than_ms: u64::try_from(older_than.as_millis()).unwrap_or(u64::MAX),
                states: args.states.iter().map(ToString::to_string).collect(),
                keep_failed: args.keep_failed,
            };
            cx.client.set_prune_rule(Some(rule.clone())).await?;
            cx.out.note(&format!("Each hour goes {}", rule.in_words()));
            cx.out.changed(&rule)?;
        }
        PruneCommand::Show(_) => match (cx.client.prune_rule().await?, cx.out.format) {
            (Some(rule), Format::Json) => cx.out.json(&rule)?,
            (None, Format::Json) => cx.out.data("null")?,
            (Some(rule), Format::Text) => {
                cx.out
                    .data(&format!("Each hour goes {}", rule.in_words()))?;
            }
            (None, Format::Text) => cx.out.note(
                "Nothing is deleted by itself; `orch-host prune set --older-than 30d` changes that",
            ),
        },
        PruneCommand::Unset(_) => {
            cx.client.set_prune_rule(None).await?;
            cx.out.note("Nothing is deleted by itself");
        }
    }
    Ok(ExitStatus::Success)
}

pub async fn run(args: PruneArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    if let Some(command) = args.command {
        return follow(command, cx).await;
    }
    let older_than = span(&args.older_than.unwrap_or_default())?;
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
