//! What is done to many runs at once: to those that a person has ticked, or to all that a filter
//! lets through up to the newest that they have seen.
//!
//! ```text
//! ask --> kept by the store --> work: a batch of runs, what became of it recorded, the next
//!                                 |                          ^
//!                                 +-- stopped, or another process goes on
//! ```
//!
//! Whoever asks does not wait: any process that [works](serve) on such actions goes on with
//! them. A run is never an error of the whole action: it is done, or left alone for a reason.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::{FlowRun, Ids as _, RunId, StateType};
use store::{
    BULK_LEASE, BulkAction, BulkAsked, BulkClaim, BulkKind, BulkNext, BulkProgress, BulkRecorded,
    BulkTarget, PageRequest, Skipped, Store, StoreError, StoreResult, Topic,
};
use tokio::sync::watch;

use crate::FreshIds;
use crate::control::{self, ControlRefusal};

pub use store::BulkId;

/// Runs of a batch. Each batch is recorded, and may be the last.
const BATCH: u32 = 500;
/// Runs that something is done to at once, so that they share a commit.
const AT_ONCE: usize = 64;
/// Runs that can be given one by one.
pub const GIVEN_MAX: usize = 10_000;
/// The least time between two looks for something to do.
const LOOK_MIN: Duration = Duration::from_millis(250);
/// The longest time between two looks: the lease of a process that is gone ends in silence.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The time after which a database that was not available is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Why an action was not begun.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BulkRefusal {
    #[error("no flow run is named")]
    NoRuns,
    #[error("{given} flow runs are named, more than {GIVEN_MAX}")]
    TooMany { given: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Has something done to many runs. `by`: the name of who asks, for people.
pub async fn ask(
    store: &dyn Store,
    kind: BulkKind,
    mut target: BulkTarget,
    by: &str,
) -> Result<BulkAction, BulkRefusal> {
    match &mut target {
        BulkTarget::Runs(runs) => {
            let mut seen = HashSet::new();
            runs.retain(|run| seen.insert(*run));
            match runs.len() {
                0 => return Err(BulkRefusal::NoRuns),
                1..=GIVEN_MAX => {}
                given => return Err(BulkRefusal::TooMany { given }),
            }
        }
        BulkTarget::All { filter, newest } => {
            // A place of another filter would name other runs.
            newest.place_in(filter.fingerprint())?;
        }
    }
    let asked = BulkAsked {
        id: BulkId(FreshIds.uuid()),
        kind,
        target,
        at: store.clock().now(),
        by: by.to_owned(),
    };
    store.add_bulk_action(asked.clone()).await?;
    Ok(BulkAction {
        at: asked.at,
        asked,
        state: store::BulkState::Running,
        progress: BulkProgress::default(),
    })
}

/// Works on actions until it is told to stop, and then finishes its batch.
pub async fn serve(store: Arc<dyn Store>, mut stop: watch::Receiver<bool>) -> StoreResult<()> {
    let mut listener = store.listen(Topic::Change)?;
    while !*stop.borrow() {
        let pause = match work(&*store, || !*stop.borrow()).await {
            Ok(true) => continue,
            Ok(false) => LOOK_MIN,
            Err(StoreError::Unavailable(_)) => TRY_AGAIN,
            Err(error) => return Err(error),
        };
        let news = async {
            tokio::time::sleep(pause).await;
            // Nobody tells that a lease has ended.
            let _ = tokio::time::timeout(LOOK_AGAIN, listener.heard()).await;
        };
        tokio::select! {
            () = news => {}
            // The teller may be gone, which means the same.
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    Ok(())
}

/// Works on the oldest action that nobody works on, while `goes_on`. Whether there was one.
pub async fn work(store: &dyn Store, goes_on: impl Fn() -> bool + Send) -> StoreResult<bool> {
    let now = store.clock().now();
    let claim = store.claim_bulk_action(now, now.after(BULK_LEASE)).await?;
    let Some(BulkClaim { lease, action }) = claim else {
        return Ok(false);
    };
    let mut progress = action.progress;
    // A claimer before this one has done a part of its batch, perhaps all of it.
    let mut is_repeat = !progress.batch.is_empty();
    loop {
        if !is_repeat && !progress.at_end {
            choose(store, &action.asked, &mut progress).await?;
            let next = BulkNext::go_on(store.clock().now());
            match store.record_bulk_action(lease, &progress, next).await? {
                BulkRecorded::GoOn => {}
                BulkRecorded::Over | BulkRecorded::Lost => return Ok(true),
            }
        }
        batch(store, &action.asked, &mut progress, is_repeat).await?;
        is_repeat = false;
        let now = store.clock().now();
        let is_told_to_go_on = goes_on();
        let next = match (progress.at_end, is_told_to_go_on) {
            (true, _) => BulkNext::End { now },
            (false, true) => BulkNext::go_on(now),
            // For another process, at once.
            (false, false) => BulkNext::GoOn { now, until: now },
        };
        match store.record_bulk_action(lease, &progress, next).await? {
            BulkRecorded::GoOn if is_told_to_go_on => {}
            BulkRecorded::GoOn | BulkRecorded::Over | BulkRecorded::Lost => return Ok(true),
        }
    }
}

/// Chooses the next runs. What is to be left alone is known before anything is done, so that
/// what is so later was done by this action.
async fn choose(
    store: &dyn Store,
    asked: &BulkAsked,
    progress: &mut BulkProgress,
) -> StoreResult<()> {
    let runs = match &asked.target {
        BulkTarget::Runs(ids) => given(store, ids, progress).await?,
        BulkTarget::All { filter, newest } => {
            let from = progress.place.unwrap_or(newest.before());
            let request = PageRequest::older(from, BATCH).without_values();
            let page = store.flow_runs(filter, &request).await?;
            progress.at_end = page.next.is_none();
            progress.place = page.next;
            progress.searched_to = page.searched_to;
            page.items
        }
    };
    for run in runs {
        if asked.kind == BulkKind::Resume && is_so(asked, &run) {
            // The refusal says why: it may wait for an input.
            match act(store, asked, &run).await? {
                Ok(()) => progress.done += 1,
                Err(why) => progress.skip(run.id, why),
            }
            continue;
        }
        match left_alone(asked, &run) {
            Some(why) => progress.skip(run.id, why),
            None => progress.batch.push(run.id),
        }
    }
    Ok(())
}

/// Why nothing is to be done to a run, as it is before the batch.
fn left_alone(asked: &BulkAsked, run: &FlowRun) -> Option<Skipped> {
    let state = run.state.kind;
    if run.within.is_some() {
        return Some(Skipped::Subflow);
    }
    is_so(asked, run).then(|| match asked.kind {
        BulkKind::Retry { .. } if !state.is_terminal() => Skipped::NotOver(state),
        BulkKind::Retry { .. } => Skipped::EndedSince,
        BulkKind::Resume => Skipped::NotPaused(state),
        BulkKind::Cancel | BulkKind::Pause | BulkKind::Delete => Skipped::AlreadySo,
    })
}

/// Whether a run is as the action would have made it.
fn is_so(asked: &BulkAsked, run: &FlowRun) -> bool {
    let state = run.state.kind;
    match asked.kind {
        BulkKind::Cancel => matches!(state, StateType::Cancelling | StateType::Cancelled),
        BulkKind::Pause => state == StateType::Paused,
        BulkKind::Resume => state != StateType::Paused,
        BulkKind::Retry { .. } => {
            !state.is_terminal() || run.ended.is_some_and(|ended| ended > asked.at)
        }
        // Then it is not there.
        BulkKind::Delete => false,
    }
}

/// Does it to the runs that were chosen. `is_repeat`: it may have been done to some of them.
async fn batch(
    store: &dyn Store,
    asked: &BulkAsked,
    progress: &mut BulkProgress,
    is_repeat: bool,
) -> StoreResult<()> {
    let chosen = std::mem::take(&mut progress.batch);
    let mut runs = store.flow_runs_by_id(&chosen).await?;
    let found: HashSet<RunId> = runs.iter().map(|run| run.id).collect();
    for id in chosen.into_iter().filter(|id| !found.contains(id)) {
        match asked.kind {
            BulkKind::Delete if is_repeat => progress.done += 1,
            _ => progress.skip(id, Skipped::Gone),
        }
    }
    if asked.kind == BulkKind::Delete {
        return delete(store, &runs, progress).await;
    }
    if is_repeat {
        let before = runs.len();
        runs.retain(|run| !is_so(asked, run));
        progress.done += (before - runs.len()) as u64;
    }
    // The results come in order, so the first examples are those of the first runs.
    let acts: Vec<_> = runs.iter().map(|run| act(store, asked, run)).collect();
    let acted: Vec<_> = stream::iter(acts).buffered(AT_ONCE).try_collect().await?;
    for (run, acted) in runs.iter().zip(acted) {
        match acted {
            Ok(()) => progress.done += 1,
            Err(why) => progress.skip(run.id, why),
        }
    }
    Ok(())
}

/// The next of the runs that were named.
async fn given(
    store: &dyn Store,
    ids: &[RunId],
    progress: &mut BulkProgress,
) -> StoreResult<Vec<FlowRun>> {
    let begin = ids.len().min(progress.position as usize);
    let end = ids.len().min(begin + BATCH as usize);
    let runs = store.flow_runs_by_id(&ids[begin..end]).await?;
    let mut found = runs.iter().map(|run| run.id).peekable();
    for id in &ids[begin..end] {
        if found.next_if_eq(id).is_none() {
            progress.skip(*id, Skipped::Gone);
        }
    }
    progress.position = end as u64;
    progress.at_end = end == ids.len();
    Ok(runs)
}

async fn delete(
    store: &dyn Store,
    runs: &[FlowRun],
    progress: &mut BulkProgress,
) -> StoreResult<()> {
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    let deleted = store.delete_runs(&ids).await?;
    for (run, deleted) in runs.iter().zip(deleted) {
        match deleted {
            Ok(()) => progress.done += 1,
            Err(error) => progress.skip(run.id, why(error, run)?),
        }
    }
    Ok(())
}

async fn act(
    store: &dyn Store,
    asked: &BulkAsked,
    run: &FlowRun,
) -> StoreResult<Result<(), Skipped>> {
    let acted = match asked.kind {
        BulkKind::Cancel => control::cancel(store, run).await.map(drop),
        BulkKind::Pause => control::pause(store, run).await.map(drop),
        BulkKind::Resume => control::resume(store, run).await.map(drop),
        BulkKind::Retry { from_scratch } => {
            control::retry(store, run, from_scratch).await.map(drop)
        }
        BulkKind::Delete => control::delete(store, run).await,
    };
    match acted {
        Ok(()) => Ok(Ok(())),
        Err(ControlRefusal::Over { state, .. }) => Ok(Err(Skipped::Over(state.kind))),
        Err(ControlRefusal::WaitsForInput { .. }) => Ok(Err(Skipped::WaitsForInput)),
        Err(ControlRefusal::Run { error, .. }) => Ok(Err(why(error, run)?)),
    }
}

/// Why a run was left alone. Errs if the database is at fault.
fn why(error: StoreError, run: &FlowRun) -> StoreResult<Skipped> {
    match error {
        StoreError::Over { state, .. } => Ok(Skipped::Over(state)),
        StoreError::NotOver { state, .. } => Ok(Skipped::NotOver(state)),
        StoreError::NotPaused { state, .. } => Ok(Skipped::NotPaused(state)),
        StoreError::Paused { .. } => Ok(Skipped::AlreadySo),
        StoreError::Cancelling { .. } => Ok(Skipped::State(StateType::Cancelling)),
        StoreError::Subflow { .. } => Ok(Skipped::Subflow),
        StoreError::NotFound(_) => Ok(Skipped::Gone),
        StoreError::Refused(_) => Ok(Skipped::State(run.state.kind)),
        other => Err(other),
    }
}
