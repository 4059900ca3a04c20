//! What keeps runs from being started that could be: their work pools and queues.

use std::collections::BTreeSet;

use crate::cli::context::Context;
use model::{QueueName, StateType, Timestamp};
use operations::client::{Answered, PoolQuery, QueueQuery};
use operations::view::{FlowRunView, PoolView, QueueView};

/// The work pools and queues as they are now. Nobody is asked for them unless a run could start.
#[derive(Default)]
pub struct Held {
    pools: Vec<PoolView>,
    queues: Vec<QueueView>,
}

impl Held {
    pub async fn of(runs: &[FlowRunView], cx: &Context) -> Answered<Self> {
        let now = cx.now();
        let due = runs.iter().filter(|run| is_due(run, now));
        let concerned: BTreeSet<_> = due.filter_map(|run| run.pool.clone()).collect();
        if concerned.is_empty() {
            return Ok(Self::default());
        }
        let pools = cx.client.list_pools(PoolQuery::default()).await?.items;
        let mut queues = Vec::new();
        for pool in pools.iter().filter(|pool| concerned.contains(&pool.name)) {
            let of_pool = cx.client.list_queues(&pool.name, QueueQuery::default());
            queues.append(&mut of_pool.await?.items);
        }
        Ok(Self { pools, queues })
    }

    /// Why a run has not started that could have.
    pub fn why(&self, run: &FlowRunView, now: Timestamp) -> Option<String> {
        let mut pools = self.pools.iter();
        let pool = pools.find(|pool| Some(&pool.name) == run.pool.as_ref());
        let pool = pool.filter(|_| is_due(run, now))?;
        let name = &pool.name;
        match pool.limit {
            _ if pool.paused => Some(format!("work pool `{name}` is paused")),
            _ if pool.workers == 0 => Some(format!("work pool `{name}` has no worker")),
            Some(limit) if pool.active >= u64::from(limit) => {
                Some(format!("work pool `{name}` is at its limit of {limit}"))
            }
            _ => self.why_of_queue(pool, run.work_queue.as_ref()),
        }
    }

    fn why_of_queue(&self, pool: &PoolView, queue: Option<&QueueName>) -> Option<String> {
        let name = queue.cloned().unwrap_or_else(QueueName::default_queue);
        let mut queues = self.queues.iter();
        let queue = queues.find(|it| it.pool == pool.name && it.name == name)?;
        let what = format!("queue `{name}` of work pool `{}`", pool.name);
        match queue.limit {
            _ if queue.paused => Some(format!("{what} is paused")),
            Some(limit) if queue.active >= u64::from(limit) => {
                Some(format!("{what} is at its limit of {limit}"))
            }
            _ => None,
        }
    }
}

fn is_due(run: &FlowRunView, now: Timestamp) -> bool {
    let is_scheduled = run.state.kind == StateType::Scheduled.as_str();
    is_scheduled && run.state.message.is_none() && run.scheduled <= now
}
