//! Runs that wait for each other's slots for ever: finding them, and letting one pass where that
//! helps.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::RunId;
use orchestrator::lifecycle::{Standing, deadlocked, who_may_pass};
use store::{Store, StoreResult, Topic};
use tracing::{info, warn};

use crate::elsewhere::elsewhere;

/// Between two looks at the same.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it is looked for those who may pass, while there is news.
const AGAIN: Duration = Duration::from_secs(5);

/// So many are let pass in one go; the next go is soon.
const PASSES: usize = 100;

/// Those that wait for ever, and what was seen of them.
pub struct Deadlock {
    pub standing: Arc<Standing>,
    /// Those that have slots first.
    pub runs: Vec<RunId>,
}

/// Looks twice: what is read while others write may be of two moments, and whoever waits for ever
/// still does so in a moment.
///
/// # Errors
///
/// Errs if the store cannot be read.
pub async fn look(store: &dyn Store) -> StoreResult<Option<Deadlock>> {
    let once = async || {
        let standing = Arc::new(store.standing().await?);
        let seen = Arc::clone(&standing);
        let runs = elsewhere(move || deadlocked(&seen)).await;
        StoreResult::Ok((standing, runs))
    };
    let (_, seen) = once().await?;
    if seen.is_empty() {
        return Ok(None);
    }
    tokio::time::sleep(PAUSE).await;
    let (standing, mut runs) = once().await?;
    let seen: HashSet<RunId> = seen.into_iter().collect();
    runs.retain(|run| seen.contains(run));
    Ok((!runs.is_empty()).then_some(Deadlock { standing, runs }))
}

/// Where only the order of a line is in the way, lets those pass without whom nobody goes on. Never
/// returns. Several processes may do so at once.
pub async fn keep_untying(store: Arc<dyn Store>) {
    loop {
        if let Err(err) = untie_at_news(&*store).await {
            warn!(%err, "could not look for runs that wait for each other");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Returns only with an error.
async fn untie_at_news(store: &dyn Store) -> StoreResult<()> {
    let mut news = store.listen(Topic::Change)?;
    loop {
        // Whoever may pass, and finds no slot free yet, is tried again without news.
        while untie(store).await? {
            tokio::time::sleep(AGAIN).await;
        }
        news.heard().await;
        tokio::time::sleep(AGAIN).await;
    }
}

/// Whether some may pass once their slots are free.
async fn untie(store: &dyn Store) -> StoreResult<bool> {
    let mut seen = HashSet::new();
    for _ in 0..PASSES {
        let standing = store.standing().await?;
        let candidates = elsewhere(move || who_may_pass(&standing)).await;
        if candidates.is_empty() {
            return Ok(false);
        }
        if seen.is_empty() {
            // What is read while others write may be of two moments.
            seen = candidates.iter().map(|(run, _)| *run).collect();
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let mut passed = false;
        for (run, taker) in candidates.into_iter().filter(|(run, _)| seen.contains(run)) {
            let now = store.clock().now();
            if store.let_pass(run, taker, now).await? {
                info!(%run, "passed others that wait for slots, as they wait for it");
                passed = true;
                break;
            }
        }
        if !passed {
            return Ok(true);
        }
        seen.clear();
    }
    Ok(true)
}
