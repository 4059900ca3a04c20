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

/// Leaves a file for each time that it computes, where others can count. It says how often it was.
fn computed(what: &str, ms: u64) -> Result<usize> {
    std::thread::sleep(Duration::from_millis(ms));
    let id = context().task.context("a task has a context")?.task_run_id;
    std::fs::write(format!("/busy/{what}-{id}"), "")?;
    let files = std::fs::read_dir("/busy")?.collect::<std::io::Result<Vec<_>>>()?;
    let of_this = |name: &str| name.starts_with(&format!("{what}-"));
    let count = files
        .iter()
        .filter(|file| file.file_name().to_str().is_some_and(of_this));
    Ok(count.count())
}

#[task(cache = inputs)]
fn by_inputs(what: String) -> Result<usize> {
    computed(&what, 0)
}

#[task(cache = inputs, cache_expiration = "1s")]
fn for_a_second(what: String) -> Result<usize> {
    computed(&what, 0)
}

/// However often it is called with other numbers, there is one result for each text.
#[task(cache_key = |args| args.what.to_lowercase())]
fn by_key(what: String, n: u32) -> Result<usize> {
    info!("{n}");
    computed(&what, 0)
}

/// One computes, the others wait for that.
#[task(cache = inputs, cache_lock = true)]
fn alone(what: String, ms: u64) -> Result<usize> {
    computed(&what, ms)
}

#[task(tags = ["heavy"])]
fn tagged(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[flow]
fn asks_the_cache(what: String, how: String, n: u32) -> Result<usize> {
    match &*how {
        "inputs" => by_inputs(what),
        "second" => for_a_second(what),
        "key" => by_key(what, n),
        "alone" => alone(what, u64::from(n)),
        "tagged" => tagged(u64::from(n)).map(|()| 0),
        other => bail!("`{other}` is no way to cache"),
    }
}

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

/// Has so many slots of `database` for as long as it sleeps. It logs when it has them, and when it
/// has them no longer.
#[flow]
fn takes(slots: u32, ms: u64) -> Result<()> {
    let taken = concurrency("database", slots).wait()?;
    info!("has them");
    sleep(Duration::from_millis(ms)).wait()?;
    drop(taken);
    info!("gave them back");
    sleep(Duration::from_millis(1)).wait()
}

/// Takes a slot of one limit, and of another after a while.
#[flow]
fn takes_in_turn(first: String, second: String, ms: u64) -> Result<()> {
    let _first = concurrency(first, 1).wait()?;
    sleep(Duration::from_millis(ms)).wait()?;
    let _second = concurrency(second, 1).wait()?;
    Ok(())
}

/// Its first attempt fails with the slots in its hands.
#[flow(retries = 1, retry_delay = "2s")]
async fn drops_them() -> Result<()> {
    let _taken = concurrency("database", 1).await?;
    ensure!(context().attempt > 1, "the first attempt fails");
    Ok(())
}

/// No longer waits when something else comes first.
#[flow]
async fn is_in_a_hurry() -> Result<bool> {
    let mut slots = concurrency("database", 1).into_future();
    let mut timer = sleep(Duration::from_millis(200));
    let has_them = select! {
        slots = slots => { drop(slots?); true }
        _ = timer => false,
    };
    drop(slots);
    sleep(Duration::from_secs(60)).await?;
    Ok(has_them)
}

/// A task declares what it takes.
#[task]
fn takes_in_its_code() -> Result<()> {
    concurrency("database", 1).wait().map(drop)
}

#[flow]
fn lets_a_task_take() -> Result<()> {
    takes_in_its_code()
}

/// Returns the same for the same, so that one run may compute it for all.
#[task(cache = inputs)]
fn doubles(n: u32) -> u32 {
    n * 2
}

#[flow]
fn doubles_twice(n: u32) -> Result<u32> {
    let once = doubles(n)?;
    ensure!(doubles(n)? == once, "the same number has one double");
    Ok(once)
}

/// Doubles all numbers below this one, and adds them up.
#[flow]
fn doubles_all(count: u32) -> Result<u32> {
    let mut sum = 0;
    for one in doubles::map(0..count) {
        sum += one.result()?;
    }
    Ok(sum)
}

/// Its results are soon not used any more.
#[task(cache_key = |args| format!("half of {}", args.n), cache_expiration = "1s", version = "2")]
fn halves(n: u32) -> u32 {
    n / 2
}

#[flow]
fn halves_once(n: u32) -> Result<u32> {
    halves(n)
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
