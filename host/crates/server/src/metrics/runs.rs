//! Figures of runs, read from the store.

use std::collections::BTreeMap;

use model::{StateName, StateType, Timestamp};
use store::{COUNT_MAX, OriginTally, PageRequest, RunFilter, StateFilter, Store, StoreResult};
use store::{PoolUse, Tallied};

/// Flows that have figures of their own: those of which most runs ended.
const FLOWS_MAX: usize = 50;
/// The others together.
const OTHERS: &str = "(others)";

pub(super) struct RunFigures {
    pub pools: Vec<PoolUse>,
    /// Of runs that have not ended, by state. Not more than [`COUNT_MAX`] are counted.
    pub unfinished: Vec<(StateType, u64)>,
    /// How long the run that waits longest has waited since it should have started.
    pub late_s: f64,
    /// By flow and state.
    pub ended: BTreeMap<(String, StateType), Tallied>,
}

pub(super) async fn read(store: &dyn Store, now: Timestamp) -> StoreResult<RunFigures> {
    let mut unfinished = Vec::new();
    for kind in StateType::ALL {
        if !kind.is_terminal() {
            let filter = of(StateFilter::Type(kind));
            let count = store.count_flow_runs(&filter, COUNT_MAX).await?;
            unfinished.push((kind, count.count));
        }
    }
    let late = of(StateFilter::Name(StateName::LATE));
    let late = store
        .flow_runs(&late, &PageRequest::oldest(1).without_values())
        .await?;
    let late_s = late.items.first().map_or(0.0, |run| {
        now.since(run.scheduled.max(run.state.at)).as_secs_f64()
    });
    let origins = store.totals_by_origin().await?;
    Ok(RunFigures {
        pools: store.pools().await?,
        unfinished,
        late_s,
        ended: by_flow(origins),
    })
}

fn of(state: StateFilter) -> RunFilter {
    RunFilter {
        states: vec![state],
        ..RunFilter::default()
    }
}

fn by_flow(origins: Vec<OriginTally>) -> BTreeMap<(String, StateType), Tallied> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for origin in &origins {
        let count: u64 = origin.states.values().map(|it| it.count).sum();
        *counts.entry(origin.flow.as_str()).or_default() += count;
    }
    let mut most: Vec<(&str, u64)> = counts.into_iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    most.truncate(FLOWS_MAX);
    let is_shown = |flow: &str| most.iter().any(|(shown, _)| *shown == flow);
    let mut ended: BTreeMap<(String, StateType), Tallied> = BTreeMap::new();
    for origin in &origins {
        let flow = origin.flow.as_str();
        let flow = if is_shown(flow) { flow } else { OTHERS };
        for (state, tallied) in &origin.states {
            let sum = ended.entry((flow.to_owned(), *state)).or_default();
            *sum = sum.and(*tallied);
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_flows_have_figures_of_their_own() {
        let origin = |number: u64| OriginTally {
            flow: format!("flow-{number:03}").parse().unwrap(),
            deployment: None,
            states: [(
                StateType::Completed,
                Tallied {
                    count: number,
                    total_ms: 10,
                },
            )]
            .into(),
        };
        let ended = by_flow((1..=200).map(origin).collect());
        assert_eq!(ended.len(), FLOWS_MAX + 1);
        let count = |flow: &str| {
            let key = (flow.to_owned(), StateType::Completed);
            ended.get(&key).map(|it| it.count)
        };
        assert_eq!(count("flow-200"), Some(200));
        assert_eq!(count("flow-001"), None);
        assert_eq!(count(OTHERS), Some((1..=150).sum()));
    }
}
