//! How things are now, and how they went lately: what the first page shows.

use std::time::Duration;

use model::{AwaitedInput, FlowRun, StateName, StateType, Timestamp};
use store::{
    COUNT_MAX, Count, PoolUse, RunFilter, StateFilter, Store, StoreResult, Tallies, Tallying,
};

/// How far back it looks.
pub const SPAN: Duration = Duration::from_hours(24);
/// Bars over that time.
const BINS: u32 = 48;
/// Runs and inputs that are listed.
const LISTED: u32 = 10;

/// How things are now, and how they went lately.
#[derive(Clone, Debug)]
pub struct Dashboard {
    pub running: Count,
    pub late: Count,
    pub waiting: Count,
    pub scheduled: Count,
    /// What runs ask people for, the latest first, each with its run; one more than is listed
    /// is never there.
    pub inputs: Vec<(AwaitedInput, Option<FlowRun>)>,
    pub more_inputs: bool,
    /// Runs that failed or crashed, the latest first.
    pub failed: Vec<FlowRun>,
    pub failed_count: Count,
    /// How many runs ended in each half hour.
    pub ended: Tallies,
    pub pools: Vec<PoolUse>,
}

/// Looks at all of it. Nothing here takes longer with more runs in the database.
pub async fn dashboard(store: &dyn Store) -> StoreResult<Dashboard> {
    let now = store.clock().now();
    let since = Timestamp(now.0.saturating_sub(SPAN.as_micros() as i64));
    let mut inputs = store.inputs_awaited(LISTED + 1).await?;
    let more_inputs = inputs.len() > LISTED as usize;
    inputs.truncate(LISTED as usize);
    let asking: Vec<_> = inputs.iter().map(|input| input.run).collect();
    let runs = store.flow_runs_by_id(&asking).await?;
    let run_of = |input: &AwaitedInput| runs.iter().find(|run| run.id == input.run).cloned();
    let inputs = inputs.into_iter().map(|input| {
        let run = run_of(&input);
        (input, run)
    });
    Ok(Dashboard {
        running: count(store, StateType::Running.into()).await?,
        late: count(store, StateFilter::Name(StateName::LATE)).await?,
        waiting: count(store, StateType::Waiting.into()).await?,
        scheduled: count(store, StateType::Scheduled.into()).await?,
        inputs: inputs.collect(),
        more_inputs,
        failed: store.failed_since(since, LISTED).await?,
        failed_count: store.count_failed_since(since, COUNT_MAX).await?,
        ended: store
            .tallies(&Tallying {
                filter: store::TallyFilter::default(),
                from: since,
                to: now,
                bins: BINS,
            })
            .await?,
        pools: store.pools().await?,
    })
}

async fn count(store: &dyn Store, state: StateFilter) -> StoreResult<Count> {
    let filter = RunFilter {
        states: vec![state],
        ..RunFilter::default()
    };
    store.count_flow_runs(&filter, COUNT_MAX).await
}
