//! Clears cached results, a part at a time.

use store::{CachePart, Store, StoreResult};

/// So many are cleared in one transaction: no other write waits for long, and there may be millions.
const BATCH: u32 = 1_000;

/// Clears all of these. How many there were. One that is computed anew meanwhile may stay.
pub async fn clear(store: &dyn Store, which: &CachePart) -> StoreResult<u64> {
    let mut all = 0;
    loop {
        let cleared = store.clear_cache(which, BATCH).await?;
        all += cleared;
        if cleared < u64::from(BATCH) {
            return Ok(all);
        }
    }
}
