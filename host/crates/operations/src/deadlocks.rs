//! Runs that wait for each other's slots for ever: finding them, and letting one pass where that
//! helps.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use model::{RunId, Taker};
use orchestrator::lifecycle::{Standing, deadlocked, who_may_pass};
use store::{Store, StoreResult, Topic};
use tracing::{info, warn};

use crate::elsewhere::elsewhere;

/// Between two looks at the same.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it is looked for those who may pass, while there is news.
const AGAIN: Duration = Duration::from_secs(5);

/// So many are let pass in one go; the next go is soon.
const PASSES: usize = 50;

/// Those that wait for ever, and what was seen of them.
pub struct Deadlock {
    pub standing: Arc<Standing>,
    /// Those that have slots first.
    pub runs: Vec<RunId>,
}

/// Looks twice, and finds what both looks have found: what is read while others write may be of two
/// moments, and whoever waits for ever still does so in a moment. None if one of them finds nothing.
async fn twice<T: Copy + Eq + Hash + Send + 'static>(
    store: &dyn Store,
    find: fn(&Standing) -> Vec<T>,
) -> StoreResult<Option<(Arc<Standing>, Vec<T>)>> {
    let once = async || {
        let standing = Arc::new(store.standing().await?);
        let seen = Arc::clone(&standing);
        let found = elsewhere(move || find(&seen)).await;
        StoreResult::Ok((!found.is_empty()).then_some((standing, found)))
    };
    let Some((_, before)) = once().await? else {
        return Ok(None);
    };
    tokio::time::sleep(PAUSE).await;
    let Some((standing, mut found)) = once().await? else {
        return Ok(None);
    };
    let before: HashSet<T> = before.into_iter().collect();
    found.retain(|it| before.contains(it));
    Ok(Some((standing, found)))
}

/// Those that wait for each other for ever, if any do.
///
/// # Errors
///
/// Errs if the store cannot be read.
pub async fn look(store: &dyn Store) -> StoreResult<Option<Deadlock>> {
    let found = twice(store, deadlocked).await?;
    let found = found.filter(|(_, runs)| !runs.is_empty());
    Ok(found.map(|(standing, runs)| Deadlock { standing, runs }))
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
    for _ in 0..PASSES {
        let Some((_, candidates)) = twice(store, who_may_pass).await? else {
            return Ok(false);
        };
        if !lets_one_pass(store, candidates).await? {
            return Ok(true);
        }
    }
    Ok(true)
}

/// Whether the slots of one of them are free now. It has them then.
async fn lets_one_pass(
    store: &dyn Store,
    candidates: Vec<(RunId, Option<Taker>)>,
) -> StoreResult<bool> {
    for (run, taker) in candidates {
        let now = store.clock().now();
        if store.let_pass(run, taker, now).await? {
            info!(%run, "passed others that wait for slots, as they wait for it");
            return Ok(true);
        }
    }
    Ok(false)
}
