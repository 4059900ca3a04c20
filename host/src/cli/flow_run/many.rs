//! What is done to several flow runs: those that are named, or all that a filter lets through.
//!
//! ```text
//! ids ----> each is found, or nothing is done --+
//! filter -> those to which it can be done ------+--> how many? --yes--> one after the other
//!                                                     `- `--dry-run`: only shown
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};

use super::filter::FilterArgs;
use super::held::Held;
use super::ls::{hint_of_names, table};
use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::listing::collect;
use crate::cli::named::run_named;
use crate::cli::output::Format;
use crate::cli::text::counted;
use model::{IdPrefix, StateType};
use operations::client::{Answered, BulkVerb, RunQuery};
use operations::view::FlowRunView;

#[derive(Debug, clap::Args)]
pub struct ManyArgs {
    /// The runs' ids, the beginnings of them, or their names
    #[arg(value_name = "ID", add = completions::runs())]
    ids: Vec<IdPrefix>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only show which runs it would be
    #[arg(long)]
    dry_run: bool,
    /// Do not ask whether all that the filter lets through are meant
    #[arg(short, long)]
    yes: bool,
}

/// What has been done, as a sentence begins.
fn in_the_past(verb: BulkVerb) -> &'static str {
    match verb {
        BulkVerb::Cancel => "Cancelled",
        BulkVerb::Pause => "Paused",
        BulkVerb::Resume => "Resumed",
        BulkVerb::Retry => "Retried",
        BulkVerb::Delete => "Deleted",
    }
}

/// Whether a filter means runs in this state. What has completed is retried only by name.
fn is_for(verb: BulkVerb, state: StateType) -> bool {
    let is_by_name = verb == BulkVerb::Retry && state == StateType::Completed;
    verb.fits(state) && !is_by_name
}

/// Runs to which something is to be done.
pub struct Chosen {
    pub runs: Vec<FlowRunView>,
    /// Whether there is one that was named: then it is told of as such.
    pub is_single: bool,
}

/// Finds the runs, and asks where many may be meant by mistake. `None`: nothing is to be done.
pub async fn choose(
    args: &ManyArgs,
    verb: BulkVerb,
    cx: &Context,
) -> anyhow::Result<Option<Chosen>> {
    let by_filter = !args.filter.is_empty();
    let runs = match (args.ids.is_empty(), by_filter) {
        (false, true) => {
            return Err(UserError::new("both runs and a filter are given")
                .hint("name the runs, or leave the names out")
                .into());
        }
        (true, false) => {
            let word = verb.as_str();
            return Err(UserError::new("neither runs nor a filter is given")
                .hint(format!(
                    "`orch-host flow-run {word} ID` is for one run, and `--state`, `--flow` and \
                     others are for all that they let through"
                ))
                .into());
        }
        (false, false) => named(&args.ids, cx).await?,
        (true, true) => {
            check_states(&args.filter, verb)?;
            of_filter(args.filter.clone().query(cx.now()), verb, cx).await?
        }
    };
    if args.dry_run {
        match cx.out.format {
            Format::Json => cx.out.json(&runs)?,
            Format::Text => {
                let held = Held::of(&runs, cx).await?;
                let shown = table(&runs, &held, cx.now());
                cx.out.table(&shown, "There are no such flow runs")?;
            }
        }
        if runs.is_empty() {
            hint_of_filter(args, cx).await?;
            return Ok(None);
        }
        let (word, count) = (verb.as_str(), counted(runs.len() as u64, "flow run"));
        cx.out
            .hint(&format!("without `--dry-run` this would {word} {count}"));
        return Ok(None);
    }
    if runs.is_empty() {
        cx.out.note("There are no such flow runs");
        hint_of_filter(args, cx).await?;
        return Ok(None);
    }
    if by_filter && !args.yes && !is_meant(&runs, verb, cx)? {
        cx.out.note("Nothing was done");
        return Ok(None);
    }
    Ok(Some(Chosen {
        is_single: args.ids.len() == 1,
        runs,
    }))
}

/// A filter that lets nothing through may have a name that is mistyped.
async fn hint_of_filter(args: &ManyArgs, cx: &Context) -> Answered<()> {
    let query = args.filter.clone().query(cx.now());
    hint_of_names(&query.flow, &query.pool, cx).await
}

/// Refuses a filter that means only runs to which this is not done by a filter.
fn check_states(filter: &FilterArgs, verb: BulkVerb) -> Result<(), UserError> {
    let kinds: Vec<StateType> = filter.state_types();
    if kinds.is_empty() || kinds.iter().any(|kind| is_for(verb, *kind)) {
        return Ok(());
    }
    let word = verb.as_str();
    let fitting = StateType::ALL
        .into_iter()
        .filter(|kind| is_for(verb, *kind));
    let fitting: Vec<String> = fitting.map(|kind| format!("`{}`", kind.name())).collect();
    let message = format!("a filter of `flow-run {word}` means runs in other states");
    Err(UserError::new(message).hint(format!("these are {}", fitting.join(", "))))
}

/// Finds all before anything is done to any, so that a mistyped name does nothing.
async fn named(ids: &[IdPrefix], cx: &Context) -> Answered<Vec<FlowRunView>> {
    let mut runs: Vec<FlowRunView> = Vec::new();
    for id in ids {
        let run = run_named(cx, id).await?;
        if runs.iter().all(|known| known.id != run.id) {
            runs.push(run);
        }
    }
    Ok(runs)
}

async fn of_filter(filter: RunQuery, verb: BulkVerb, cx: &Context) -> Answered<Vec<FlowRunView>> {
    let found = collect(0, |limit, cursor| {
        cx.client.list_runs(RunQuery {
            limit: Some(limit),
            cursor,
            values: Some(false),
            ..filter.clone()
        })
    });
    let mut runs = found.await?;
    runs.retain(|run| {
        run.state
            .kind
            .parse()
            .is_ok_and(|state| is_for(verb, state))
    });
    // The oldest first, as they came.
    runs.reverse();
    Ok(runs)
}

/// Asks on a terminal. Elsewhere nobody can answer.
fn is_meant(runs: &[FlowRunView], verb: BulkVerb, cx: &Context) -> anyhow::Result<bool> {
    let (word, count) = (verb.as_str(), counted(runs.len() as u64, "flow run"));
    if !std::io::stdin().is_terminal() {
        return Err(UserError::new(format!("this would {word} {count}"))
            .hint("`--yes` does it, `--dry-run` shows which they are")
            .into());
    }
    let mut flows: BTreeMap<String, u64> = BTreeMap::new();
    for run in runs {
        *flows.entry(run.flow.to_string()).or_default() += 1;
    }
    let flows: Vec<String> = flows
        .into_iter()
        .map(|(flow, count)| format!("{count} of `{flow}`"))
        .collect();
    cx.out.note(&format!(
        "This would {word} {count}: {}. Type `yes` to go on",
        flows.join(", ")
    ));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

/// Does it to each, one after the other, and tells what became of them. Of one run that was named,
/// a refusal is the command's.
pub async fn each(
    chosen: &Chosen,
    verb: BulkVerb,
    cx: &Context,
    act: impl AsyncFn(&FlowRunView) -> anyhow::Result<FlowRunView>,
) -> anyhow::Result<ExitStatus> {
    if chosen.is_single {
        let run = act(&chosen.runs[0]).await?;
        cx.out.changed(&run)?;
        return Ok(ExitStatus::Success);
    }
    let (mut done, mut refused) = (Vec::new(), 0_u64);
    for run in &chosen.runs {
        match act(run).await {
            Ok(run) => done.push(run),
            Err(err) => {
                refused += 1;
                cx.out.warn(
                    &format!("flow run '{}' is left as it is: {err}", run.name),
                    &format!("`orch-host flow-run inspect {}` shows it", run.id),
                );
            }
        }
    }
    let of = match refused {
        0 => String::new(),
        1 => "; one was left as it is".to_owned(),
        refused => format!("; {refused} were left as they are"),
    };
    let count = counted(done.len() as u64, "flow run");
    // What has begun cleans up first.
    let goes_on = verb == BulkVerb::Cancel && done.iter().any(|run| run.ended.is_none());
    let did = if goes_on {
        "Cancelling"
    } else {
        in_the_past(verb)
    };
    cx.out.note(&format!("{did} {count}{of}"));
    if cx.out.format == Format::Json {
        cx.out.json(&done)?;
    }
    Ok(match refused {
        0 => ExitStatus::Success,
        _ => ExitStatus::Failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_only_those_that_it_would_change() {
        let states = |verb: BulkVerb| {
            let states = StateType::ALL
                .into_iter()
                .filter(|state| is_for(verb, *state));
            states
                .map(|state| state.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            states(BulkVerb::Cancel),
            "SCHEDULED PENDING RUNNING WAITING PAUSED"
        );
        assert_eq!(states(BulkVerb::Pause), "SCHEDULED PENDING RUNNING WAITING");
        assert_eq!(states(BulkVerb::Resume), "PAUSED");
        assert_eq!(states(BulkVerb::Retry), "FAILED CRASHED CANCELLED");
        assert_eq!(
            states(BulkVerb::Delete),
            "COMPLETED FAILED CRASHED CANCELLED"
        );
    }
}
