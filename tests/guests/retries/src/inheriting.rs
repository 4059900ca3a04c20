//! Flows that fail at their end: what had been finished by then need not be done again.

use guest_sdk::prelude::*;

/// Fails the attempts of a flow before this one.
fn fail_before(attempt: u32) -> Result<()> {
    let current = context().attempt;
    ensure!(current >= attempt, "attempt {current} was to fail");
    Ok(())
}

#[task]
fn extract(n: u32) -> u32 {
    n
}

#[task]
fn transform(parts: Vec<u32>) -> u32 {
    parts.iter().sum()
}

#[task]
fn load(rows: u32) -> u32 {
    rows
}

/// Three extracts are joined, and the result is loaded. Later attempts make one call more
/// before that.
#[flow(retries = 2)]
fn joined_rows() -> Result<u32> {
    if context().attempt > 1 {
        extract(100)?;
    }
    let parts: Vec<TaskFuture<u32>> = (1..=3).map(extract::submit).collect();
    let rows = transform::submit(parts);
    let loaded = load::submit(&rows).result()?;
    fail_before(3)?;
    Ok(loaded)
}

/// A child that gives back its number.
#[flow]
fn leaf(n: u32) -> u32 {
    n
}

/// A subflow with a task, a child and an input.
#[flow]
fn part(n: u32) -> Result<u32> {
    let rows = load(extract(n)?)?;
    let child = run_deployment("leaf/leaf-deployment")
        .parameter("n", n)
        .wait()?;
    let given = suspend_for_input::<u32>("more").wait()?;
    Ok(rows + child.result::<u32>()? + given)
}

/// All its work is done in a subflow. Later attempts make one call more before that.
#[flow(retries = 2)]
fn in_a_part() -> Result<u32> {
    if context().attempt > 1 {
        extract(100)?;
    }
    let done = part(1)?;
    fail_before(3)?;
    Ok(done)
}

/// Never ends by itself.
#[flow]
fn never_over() -> Result<()> {
    sleep(Duration::from_secs(3600)).wait()
}

/// Gives a child one second, and fails if it has not ended by then.
#[flow(retries = 2)]
fn gives_a_second() -> Result<()> {
    let run = run_deployment("never-over/never-over-deployment")
        .timeout(Duration::from_secs(1))
        .wait()?;
    ensure!(run.state.is_final(), "it is not over");
    Ok(())
}

/// Sleeps too long at its first attempt.
#[flow(retries = 1, timeout = "500ms")]
fn late_at_first() -> Result<u32> {
    let attempt = context().attempt;
    if attempt == 1 {
        let _task = extract(1)?;
        sleep(Duration::from_secs(3600)).wait()?;
    }
    Ok(attempt)
}

#[task(retries = 1, retry_delay = "1h")]
fn never_in_time() -> Result<()> {
    bail!("it was to fail")
}

/// Returns while a task awaits its retry, in an hour.
#[flow(timeout = "10s")]
fn leaves_one_behind() -> Result<u32> {
    let task = never_in_time::submit();
    sleep(Duration::from_millis(50)).wait()?;
    drop(task);
    Ok(1)
}

#[task]
fn takes(ms: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(ms));
    ms
}

/// Whichever of two tasks is first.
#[flow]
async fn takes_the_first() -> Result<u64> {
    let (mut slow, mut fast) = (takes::submit(3_600_000), takes::submit(1));
    select! {
        ms = slow => ms,
        ms = fast => ms,
    }
}

/// A task that goes on when the flow returns.
#[flow]
fn detaches_one() -> u64 {
    takes::submit(1000).detach();
    1
}

/// Cancels a task and what needs it, and tells what became of them.
#[flow]
fn cancels_one() -> Result<Vec<String>> {
    let slow = takes::submit(3_600_000);
    let after = takes::submit(&slow);
    let fast = takes::submit(1);
    fast.result()?;
    for task in [&slow, &fast] {
        task.cancel()?;
    }
    let told = [slow.result(), after.result(), fast.result()];
    Ok(told.map(|it| format!("{it:?}")).into())
}
