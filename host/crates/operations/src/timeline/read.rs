//! Reads what a timeline is drawn from.

use std::collections::HashSet;

use model::{Answer, Call, CallMade, FlowRun, HistoryLine, RunId, Seq, attempts};
use store::{Store, StoreResult, TaskRunFilter};

use super::shape::{Story, Wish};

/// The histories of so many child runs are read; of others the row says enough.
const HISTORIES_MAX: usize = 200;

/// What is known of a run, for the attempt that is to be drawn.
pub async fn read(store: &dyn Store, run: FlowRun, wish: &Wish) -> StoreResult<Story> {
    let history = store.history(run.id).await?;
    let (calls, has_journal) = calls(store, &run, &history, wish).await?;
    let filter = TaskRunFilter {
        flow_run: Some(run.id),
        ..TaskRunFilter::default()
    };
    let task_runs = store.newest_task_runs(&filter, 0).await?;
    let relatives = store.relatives(run.id).await?;
    let children = relatives.iter().filter(|it| it.within.is_none());
    let children: Vec<RunId> = children.map(|it| it.id).collect();
    let histories = if children.len() > HISTORIES_MAX {
        Vec::new()
    } else {
        store.histories(&children).await?
    };
    Ok(Story {
        run,
        history,
        calls,
        has_journal,
        task_runs,
        relatives,
        histories,
        now: store.clock().now(),
    })
}

/// The calls, and whether these are all of the attempt.
async fn calls(
    store: &dyn Store,
    run: &FlowRun,
    history: &[HistoryLine],
    wish: &Wish,
) -> StoreResult<(Vec<CallMade>, bool)> {
    let Some(root) = run.within else {
        // While a run awaits its retry, its number is that of the attempt to come, and the
        // journal of the one that failed is gone.
        let last = attempts(history).last().map_or(1, |last| last.number);
        let attempt = wish.attempt.unwrap_or(last);
        let calls = store.calls(run.id, attempt).await?;
        let has_journal = attempt == run.attempt.max(1);
        return Ok((calls, has_journal));
    };
    // A subflow's calls stand in the journal of the run that it is part of, if that is still
    // the attempt that called it.
    let Some(root) = store.flow_run(root).await? else {
        return Ok((Vec::new(), false));
    };
    let calls = store.calls(root.id, root.attempt).await?;
    let calls = within(run.id, calls);
    let is_there = calls.is_some();
    Ok((calls.unwrap_or_default(), is_there))
}

/// The calls that were made in a subflow. None: it is not there. Timers do not say who called
/// them, so they are the root's.
fn within(subflow: RunId, calls: Vec<CallMade>) -> Option<Vec<CallMade>> {
    let mut scopes: HashSet<Seq> = HashSet::new();
    let mut found = Vec::new();
    for made in calls {
        let answered = match (&made.call, &made.answer) {
            (Call::Subflow { .. }, Some(Answer::Run { run })) => Some(run.id),
            _ => None,
        };
        let scope = match &made.call {
            Call::Task(call) => call.scope,
            Call::RunDeployment(request) => request.scope,
            Call::Subflow { scope, .. }
            | Call::Input { scope, .. }
            | Call::TakeSlots { scope, .. } => *scope,
            _ => None,
        };
        let is_within = scope.is_some_and(|scope| scopes.contains(&scope));
        if answered == Some(subflow) || is_within && answered.is_some() {
            scopes.insert(made.seq);
        }
        if is_within {
            found.push(made);
        }
    }
    (!scopes.is_empty()).then_some(found)
}
