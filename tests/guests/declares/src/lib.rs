//! A flow that declares when it runs and what limits it, and one that declares nothing.

use guest_sdk::prelude::*;

/// Returns its slot, in seconds since 1970.
#[flow(
    limits = ["database"],
    schedule(cron = "0 9 * * 1-5", timezone = "Europe/Berlin"),
    schedule(interval = "1s")
)]
fn declares() -> Result<u64> {
    let slot = context().scheduled_time;
    Ok(slot.duration_since(std::time::UNIX_EPOCH)?.as_secs())
}

/// Declares nothing.
#[flow]
fn plain() {}
