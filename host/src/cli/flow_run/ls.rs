//! `orch-host flow-run ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, state, text};
use crate::cli::text::shortened;
use crate::cli::time::{PastArg, took};
use crate::cli::values::state as state_arg;
use model::{DeploymentName, FlowName, IdPrefix, PoolName, Timestamp};
use operations::client::RunQuery;
use operations::text::ago;
use operations::view::FlowRunView;
use store::StateFilter;

/// Runs asked for at once, with their parameters and results.
const WITH_VALUES_MAX: u32 = 100;

/// List flow runs, newest first
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// Only those in this state; may be repeated, as the next four may be
    #[arg(short, long = "state", value_name = "STATE", value_parser = state_arg(), ignore_case = true)]
    states: Vec<StateFilter>,
    /// Only those of this flow
    #[arg(long = "flow", value_name = "FLOW")]
    flows: Vec<FlowName>,
    /// Only those of this deployment, `flow/deployment`
    #[arg(long = "deployment", value_name = "NAME")]
    deployments: Vec<DeploymentName>,
    /// Only those of this work pool
    #[arg(long = "pool", value_name = "POOL")]
    pools: Vec<PoolName>,
    /// Only those with this tag
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only those that this run started: its id, the beginning of it, or its name
    #[arg(long, value_name = "ID")]
    parent: Option<IdPrefix>,
    /// Only those created then or later: a time, or how long ago that was, such as `24h`
    #[arg(long, value_name = "TIME")]
    since: Option<PastArg>,
    /// Only those created before that
    #[arg(long, value_name = "TIME")]
    until: Option<PastArg>,
    /// Only those with this in their names, or whose ids begin so
    #[arg(long)]
    text: Option<String>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 15, value_name = "N")]
    limit: u32,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let now = cx.now();
    let with_values = cx.out.format == Format::Json;
    let query = RunQuery {
        state: args.states.iter().map(StateFilter::to_string).collect(),
        flow: args.flows,
        deployment: args.deployments,
        pool: args.pools,
        tag: args.tags,
        parent: args.parent.map(|IdPrefix(text)| text),
        since: args.since.map(|since| since.at(now)),
        until: args.until.map(|until| until.at(now)),
        text: args.text,
        values: Some(with_values),
        ..RunQuery::default()
    };
    let runs = collect(args.limit, |limit, cursor| {
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
    let now = cx.now();
    let runs: Vec<FlowRunView> = runs
        .await?
        .into_iter()
        .map(|run| run.as_shown(now))
        .collect();
    match cx.out.format {
        Format::Json => cx.out.json(&runs)?,
        Format::Text => cx
            .out
            .table(&table(&runs, now), "There are no such flow runs")?,
    }
    Ok(ExitStatus::Success)
}

fn table(runs: &[FlowRunView], now: Timestamp) -> Table {
    let mut table = Table::new(["ID", "NAME", "FLOW", "STATE", "CREATED", "TOOK", "REASON"]);
    for run in runs {
        let took = run
            .started
            .map(|from| took(run.ended.unwrap_or(now).since(from)));
        table.row([
            text(run.id),
            text(&run.name),
            text(&run.flow),
            state(&run.state),
            text(ago(run.created, now)),
            maybe(took),
            maybe(run.state.message.as_deref().map(shortened)),
        ]);
    }
    table
}
