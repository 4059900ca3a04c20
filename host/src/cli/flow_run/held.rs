//! What keeps runs from being started that could be: their work pools.

use crate::cli::context::Context;
use model::{StateType, Timestamp};
use operations::client::{Answered, PoolQuery};
use operations::view::{FlowRunView, PoolView};

/// The work pools as they are now. Nobody is asked for them unless a run could start.
pub struct Held(Vec<PoolView>);

impl Held {
    pub async fn of(runs: &[FlowRunView], cx: &Context) -> Answered<Self> {
        let now = cx.now();
        if !runs.iter().any(|run| is_due(run, now)) {
            return Ok(Self(Vec::new()));
        }
        let pools = cx.client.list_pools(PoolQuery::default()).await?;
        Ok(Self(pools.items))
    }

    /// Why a run has not started that could have.
    pub fn why(&self, run: &FlowRunView, now: Timestamp) -> Option<String> {
        let pool = self
            .0
            .iter()
            .find(|pool| Some(&pool.name) == run.pool.as_ref());
        let pool = pool.filter(|_| is_due(run, now))?;
        let name = &pool.name;
        match pool.limit {
            _ if pool.paused => Some(format!("work pool `{name}` is paused")),
            _ if pool.workers == 0 => Some(format!("work pool `{name}` has no worker")),
            Some(limit) if pool.active >= u64::from(limit) => {
                Some(format!("work pool `{name}` is at its limit of {limit}"))
            }
            _ => None,
        }
    }
}

fn is_due(run: &FlowRunView, now: Timestamp) -> bool {
    let is_scheduled = run.state.kind == StateType::Scheduled.as_str();
    is_scheduled && run.state.message.is_none() && run.scheduled <= now
}
