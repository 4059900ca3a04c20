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

/// Holds a slot of `database` for so long. It is granted a directory, where it leaves a file for as
/// long as it runs, so that others can count.
#[task(limits = ["database"], retries = 2)]
fn holds(n: u32, ms: u64) -> Result<u32> {
    let path = format!("/busy/{n}");
    std::fs::write(&path, "")?;
    std::thread::sleep(Duration::from_millis(ms));
    std::fs::remove_file(&path)?;
    Ok(n)
}

/// Starts so many of them at once, and waits for all.
#[flow]
fn fans_out(count: u32, ms: u64) -> Result<u32> {
    let all = holds::map((0..count).map(|n| (n, ms)));
    let mut sum = 0;
    for one in all {
        sum += one.result()?;
    }
    Ok(sum)
}

/// Fails in its first attempt, and holds no slot while it waits for the next.
#[task(limits = ["database"], retries = 1, retry_delay = "2s")]
fn fails_once() -> Result<u32> {
    let task = context().task.context("a task has a context")?;
    ensure!(task.attempt > 1, "the first attempt fails");
    Ok(task.attempt)
}

#[flow]
fn retries_a_limited_task() -> Result<u32> {
    fails_once()
}
