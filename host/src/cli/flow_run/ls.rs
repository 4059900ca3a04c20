//! `orch-host flow-run ls`

use std::time::Duration;

use super::filter::FilterArgs;
use super::held::Held;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::{collect, newest, tell_of_more};
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, state, text};
use crate::cli::text::shortened;
use crate::cli::time::took;
use model::{FlowName, PoolName, Timestamp};
use operations::client::{Answered, DeploymentQuery, PoolQuery, RunQuery};
use operations::text::{ago, rough};
use operations::view::FlowRunView;
use orchestrator::nearest;

/// Runs asked for at once, with their parameters and results.
const WITH_VALUES_MAX: u32 = 100;

/// List flow runs, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run ls
  orch-host flow-run ls --deployment etl/nightly --state failed --since 24h --limit 0")]
pub struct LsArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 15, value_name = "N")]
    limit: u32,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let now = cx.now();
    let with_values = cx.out.format == Format::Json;
    let query = RunQuery {
        values: Some(with_values),
        ..args.filter.query(now)
    };
    let newest = newest(args.limit, |limit, cursor| {
        // Parameters and results may be large.
        let limit = if with_values {
            limit.min(WITH_VALUES_MAX)
        } else {
            limit
        };
        cx.client.list_runs(RunQuery {
            limit: Some(limit),
            cursor,
            ..query.clone()
        })
    });
    let (runs, has_more) = newest.await?;
    let now = cx.now();
    let runs: Vec<FlowRunView> = runs.into_iter().map(|run| run.as_shown(now)).collect();
    match cx.out.format {
        Format::Json => cx.out.json(&runs)?,
        Format::Text => {
            let held = Held::of(&runs, cx).await?;
            let nothing = "There are no such flow runs";
            cx.out.table(&table(&runs, &held, now), nothing)?;
        }
    }
    if has_more {
        tell_of_more(runs.len(), cx);
    }
    if runs.is_empty() {
        hint_of_names(&query.flow, &query.pool, cx).await?;
    }
    Ok(ExitStatus::Success)
}

/// A filter that lets nothing through may have a name that is mistyped.
pub async fn hint_of_names(flows: &[FlowName], pools: &[PoolName], cx: &Context) -> Answered<()> {
    if !flows.is_empty() {
        let there = collect(0, |limit, cursor| {
            cx.client.list_deployments(DeploymentQuery {
                limit: Some(limit),
                cursor,
                ..DeploymentQuery::default()
            })
        });
        let there: Vec<FlowName> = there.await?.into_iter().map(|it| it.name.flow).collect();
        hint_of(flows, &there, "deployed flow", cx);
    }
    if !pools.is_empty() {
        let there = cx.client.list_pools(PoolQuery::default()).await?;
        let there: Vec<PoolName> = there.items.into_iter().map(|it| it.name).collect();
        hint_of(pools, &there, "work pool", cx);
    }
    Ok(())
}

fn hint_of<N: Clone + PartialEq + std::fmt::Display>(
    asked: &[N],
    there: &[N],
    what: &str,
    cx: &Context,
) {
    for asked in asked.iter().filter(|asked| !there.contains(asked)) {
        let names = there.iter().map(ToString::to_string);
        let meant = match nearest(&asked.to_string(), names) {
            Some(nearest) => format!(": did you mean `{nearest}`?"),
            None => String::new(),
        };
        cx.out.hint(&format!("there is no {what} `{asked}`{meant}"));
    }
}

/// Why it is where it is; of one that is planned, when it starts.
fn reason(run: &FlowRunView, held: &Held, now: Timestamp) -> Option<String> {
    let message = run.state.message.as_deref().map(shortened);
    let is_planned = run.ended.is_none() && run.started.is_none() && run.scheduled > now;
    match message {
        Some(message) => Some(message.into_owned()),
        None if is_planned => Some(format!("starts in {}", ahead(run.scheduled.since(now)))),
        None => held.why(run, now),
    }
}

/// A span that is to come: to the minute, unless it is days.
fn ahead(span: Duration) -> String {
    if span < Duration::from_hours(48) {
        took(span)
    } else {
        rough(span)
    }
}

pub fn table(runs: &[FlowRunView], held: &Held, now: Timestamp) -> Table {
    let table = Table::new(["ID", "NAME", "FLOW", "STATE", "CREATED", "TOOK", "REASON"]);
    let mut table = table.with_ids("ID").cutting(&["FLOW", "REASON"]);
    for run in runs {
        let took = run.took(now).map(took);
        table.row([
            text(run.id),
            text(&run.name),
            text(&run.flow),
            state(&run.state),
            text(ago(run.created, now)),
            maybe(took),
            maybe(reason(run, held, now)),
        ]);
    }
    table
}
