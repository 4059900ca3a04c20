//! `orch-host flow-run ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, state, text};
use crate::cli::text::shortened;
use crate::cli::time::{ago, took};
use crate::cli::values::state as state_arg;
use model::{DeploymentName, FlowName, FlowRun, IdPrefix, PoolName, StateType, Timestamp};
use operations::resolve;
use operations::view::{FlowRunView, views};
use store::RunFilter;

/// List flow runs, newest first
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// Only those in this state; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_parser = state_arg(), ignore_case = true)]
    states: Vec<StateType>,
    /// Only those of this flow
    #[arg(long)]
    flow: Option<FlowName>,
    /// Only those of this deployment, `flow/deployment`
    #[arg(long, value_name = "NAME")]
    deployment: Option<DeploymentName>,
    /// Only those of this work pool
    #[arg(long)]
    pool: Option<PoolName>,
    /// Only those that this run started: its id, the beginning of it, or its name
    #[arg(long, value_name = "ID")]
    parent: Option<IdPrefix>,
    /// Only those with this tag
    #[arg(short, long)]
    tag: Option<String>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 15, value_name = "N")]
    limit: u32,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let parent = match &args.parent {
        Some(text) => Some(resolve::run(&*cx.store, text).await?.id),
        None => None,
    };
    let filter = RunFilter {
        states: args.states,
        flow: args.flow,
        deployment: args.deployment,
        pool: args.pool,
        parent,
        tag: args.tag,
        count: args.limit,
    };
    let runs = cx.store.flow_runs(filter).await?;
    match cx.out.format {
        Format::Json => cx.out.json(&views::<_, FlowRunView>(runs))?,
        Format::Text => cx
            .out
            .table(&table(&runs, cx.now()), "There are no such flow runs")?,
    }
    Ok(ExitStatus::Success)
}

fn table(runs: &[FlowRun], now: Timestamp) -> Table {
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
