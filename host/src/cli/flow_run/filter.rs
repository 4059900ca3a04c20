//! Which flow runs a command is about, as typed.

use crate::cli::completions;
use crate::cli::time::PastArg;
use crate::cli::values::state as state_arg;
use model::{DeploymentName, FlowName, IdPrefix, PoolName, StateType, Timestamp};
use operations::client::RunQuery;
use store::StateFilter;

#[derive(Clone, Debug, Default, clap::Args)]
pub struct FilterArgs {
    /// Only those in this state; may be repeated, as the next four may be
    #[arg(short, long = "state", value_name = "STATE", value_parser = state_arg(), ignore_case = true)]
    states: Vec<StateFilter>,
    /// Only those of this flow
    #[arg(long = "flow", value_name = "FLOW", add = completions::flows())]
    flows: Vec<FlowName>,
    /// Only those of this deployment, `flow/deployment`
    #[arg(long = "deployment", value_name = "NAME", add = completions::deployments())]
    deployments: Vec<DeploymentName>,
    /// Only those of this work pool
    #[arg(long = "pool", value_name = "POOL", add = completions::pools())]
    pools: Vec<PoolName>,
    /// Only those with this tag
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only those that this run started: its id, the beginning of it, or its name
    #[arg(long, value_name = "ID", add = completions::runs())]
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
}

impl FilterArgs {
    /// The types of the states that it lets through; empty if any may pass.
    pub fn state_types(&self) -> Vec<StateType> {
        let types: Option<Vec<StateType>> = self.states.iter().map(StateFilter::kind).collect();
        types.unwrap_or_default()
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        let lists = [
            self.states.is_empty(),
            self.flows.is_empty(),
            self.deployments.is_empty(),
            self.pools.is_empty(),
            self.tags.is_empty(),
        ];
        lists.into_iter().all(|is_empty| is_empty)
            && self.parent.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.text.is_none()
    }

    pub fn query(self, now: Timestamp) -> RunQuery {
        RunQuery {
            state: self.states.iter().map(StateFilter::to_string).collect(),
            flow: self.flows,
            deployment: self.deployments,
            pool: self.pools,
            tag: self.tags,
            parent: self.parent.map(|IdPrefix(text)| text),
            since: self.since.map(|since| since.at(now)),
            until: self.until.map(|until| until.at(now)),
            text: self.text,
            ..RunQuery::default()
        }
    }
}
