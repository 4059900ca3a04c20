//! Runs that wait for each other's slots for ever: finding them, and letting one pass where that
//! helps.

use std::collections::HashSet;
use std::time::Duration;

use model::RunId;
use orchestrator::lifecycle::{Deadlock, Standing, deadlock};
use store::{Store, StoreResult};
use tracing::info;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// So many are let pass in one go; the next go is soon.
const PASSES: usize = 100;

/// Those that wait for ever, and what was seen of them.
pub struct Deadlocked {
    pub standing: Standing,
    pub deadlock: Deadlock,
}

/// Looks twice: what is read while others write may be of two moments, and whoever waits for ever
/// still does so in a moment.
pub async fn look(store: &dyn Store) -> StoreResult<Option<Deadlocked>> {
    let Some(seen) = deadlock(&store.standing().await?) else {
        return Ok(None);
    };
    tokio::time::sleep(PAUSE).await;
    let standing = store.standing().await?;
    let Some(mut deadlock) = deadlock(&standing) else {
        return Ok(None);
    };
    let seen: HashSet<RunId> = seen.runs.into_iter().collect();
    deadlock.runs.retain(|run| seen.contains(run));
    if deadlock.runs.is_empty() {
        return Ok(None);
    }
    let still = |(run, _): &(RunId, _)| deadlock.runs.contains(run);
    deadlock.may_pass = deadlock.may_pass.filter(still);
    Ok(Some(Deadlocked { standing, deadlock }))
}

/// Where only the order of a line is in the way, lets those pass without whom nobody goes on.
pub async fn untie(store: &dyn Store) -> StoreResult<()> {
    for _ in 0..PASSES {
        let found = look(store).await?;
        let Some((run, taker)) = found.and_then(|it| it.deadlock.may_pass) else {
            return Ok(());
        };
        let now = store.clock().now();
        if !store.let_pass(run, taker, now).await? {
            return Ok(());
        }
        info!(
            run = %run,
            "passed others that wait for slots, as they wait for it"
        );
    }
    Ok(())
}
