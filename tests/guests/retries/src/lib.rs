//! Tasks and flows whose first attempts fail, by the attempt that the context tells.

mod children;
mod inheriting;

use guest_sdk::prelude::*;

/// The attempt of the task that is running.
fn attempt() -> Result<u32> {
    Ok(context().task()?.attempt)
}

/// Fails `failures` times, then returns the attempt that succeeded.
#[task(retries = 5)]
fn flaky(failures: u32) -> Result<u32> {
    let attempt = attempt()?;
    ensure!(attempt > failures, "attempt {attempt} was to fail");
    Ok(attempt)
}

/// One task that fails `failures` times, with 5 retries.
#[flow]
fn flaky_task(failures: u32) -> Result<u32> {
    flaky(failures)
}

#[task(retries = 3, retry_delay = ["10ms", "20ms", "40ms"])]
fn delayed(failures: u32) -> Result<u32> {
    flaky::call(failures)
}

/// One task with listed waits before its retries.
#[flow]
fn listed_delays(failures: u32) -> Result<u32> {
    delayed(failures)
}

#[task(retries = 4, retry_delay = exponential("10ms"), retry_jitter = 0.5)]
fn backing_off(failures: u32) -> Result<u32> {
    flaky::call(failures)
}

/// One task with waits that double, and jitter.
#[flow]
fn exponential_delays(failures: u32) -> Result<u32> {
    backing_off(failures)
}

/// A task whose options are given by the call: `retries` of them, `delay_ms` apart.
#[flow]
fn options_of_the_call(failures: u32, retries: u32, delay_ms: u64) -> Result<u32> {
    flaky::options()
        .retries(retries)
        .retry_delay(Duration::from_millis(delay_ms))
        .call(failures)
}

#[task(retries = 5)]
fn hopeless() -> Result<u32> {
    Err(Error::permanent(format!(
        "hopeless at attempt {}",
        attempt()?
    )))
}

/// A task whose error is permanent: one attempt, whatever its retries.
#[flow]
fn permanent() -> Result<u32> {
    hopeless()
}

fn is_transient(error: &Error) -> bool {
    error.to_string().contains("transient")
}

#[task(retries = 5, retry_if = is_transient)]
fn choosy() -> Result<u32> {
    match attempt()? {
        1 => bail!("a transient trouble"),
        attempt => bail!("a lasting trouble at attempt {attempt}"),
    }
}

/// A task that retries its first error and not its second, by `retry_if`.
#[flow]
fn retry_if() -> Result<u32> {
    choosy()
}

#[task(retries = 2, timeout = "100ms")]
fn slow(slow_attempts: u32) -> Result<u32> {
    let attempt = attempt()?;
    if attempt <= slow_attempts {
        std::thread::sleep(Duration::from_secs(60));
    }
    Ok(attempt)
}

/// A task that takes too long at its first `slow_attempts` attempts, of 3.
#[flow]
fn slow_task(slow_attempts: u32) -> Result<u32> {
    slow(slow_attempts)
}

/// A task that loops at its first `slow_attempts` attempts, of 3, without calling the host.
#[flow]
fn spinning_task(slow_attempts: u32) -> Result<u32> {
    spinning(slow_attempts)
}

#[task(retries = 2, timeout = "100ms")]
fn spinning(slow_attempts: u32) -> Result<u32> {
    let attempt = attempt()?;
    while std::hint::black_box(attempt) <= slow_attempts {
        std::hint::spin_loop();
    }
    Ok(attempt)
}

#[task]
fn panics_at_first() -> Result<u32> {
    let attempt = attempt()?;
    assert!(attempt > 1, "attempt {attempt} was to panic");
    Ok(attempt)
}

/// A task that panics at its first attempt, and is retried.
#[flow]
fn panicking_task() -> Result<u32> {
    panics_at_first::options().retries(1).call()
}

#[task]
fn step(n: u32) -> u32 {
    n
}

/// A flow that fails `failures` times after a task that succeeds, with 3 retries. Its task
/// need not run again.
#[flow(retries = 3, retry_delay = "10ms")]
fn flaky_flow(failures: u32) -> Result<u32> {
    let one = step(1)?;
    let attempt = context().attempt;
    ensure!(
        attempt > failures,
        "attempt {attempt} of the flow was to fail"
    );
    Ok(one + attempt)
}

/// A flow that gives up for good, whatever its retries.
#[flow(retries = 3)]
fn permanent_flow() -> Result<u32> {
    Err(Error::permanent("this flow gives up"))
}

/// A flow that waits longer than it may.
#[flow(timeout = "200ms")]
async fn slow_flow() -> Result<()> {
    sleep(Duration::from_secs(60)).await
}

/// The first attempt fails, and the second follows after `delay_ms`.
fn patient(delay_ms: u64) -> TaskFuture<u32> {
    flaky::options()
        .retry_delay(Duration::from_millis(delay_ms))
        .submit(1)
}

/// Takes whichever ends first: a retry after `delay_ms`, or a timer that is over at once.
#[flow]
async fn overtaken(delay_ms: u64) -> Result<String> {
    let mut task = patient(delay_ms);
    let mut timer = sleep(Duration::ZERO);
    select! {
        attempt = task => Ok(format!("attempt {}", attempt?)),
        slept = timer => {
            slept?;
            Ok("the timer".into())
        }
    }
}

/// A task that needs the result of one that is retried.
#[flow]
fn chained(delay_ms: u64) -> Result<u32> {
    step::submit(patient(delay_ms)).result()
}

/// `n` tasks at once, which fail never, once, or twice. The sum of their attempts.
#[flow]
async fn crowd(n: u32, delay_ms: u64) -> Result<u32> {
    let delay = Duration::from_millis(delay_ms);
    let submit = |n: u32| flaky::options().retry_delay(delay).submit(n % 3);
    let attempts: Vec<u32> = try_join_all((0..n).map(submit)).await?;
    Ok(attempts.iter().sum())
}

/// Returns without waiting for a task that is retried, and lets it go on.
#[flow]
fn detached(delay_ms: u64) -> Result<String> {
    patient(delay_ms).detach();
    Ok("returned".into())
}

/// Has less time than its task's retry needs.
#[flow(timeout = "1s")]
fn too_late() -> Result<u32> {
    patient(3_600_000).result()
}

/// Has returned when its time is over, and its task has not.
#[flow(timeout = "1s")]
fn detached_too_late() -> Result<String> {
    patient(3_600_000).detach();
    Ok("returned".into())
}

/// Waits to be cancelled; its clean-up is a task that is retried.
#[flow]
fn tidy(delay_ms: u64) -> Result<u32> {
    match sleep(Duration::from_secs(3600)).wait() {
        Ok(()) => bail!("nobody cancelled it"),
        Err(_) => patient(delay_ms).result(),
    }
}

/// Fails at its first attempt, after a task that succeeded at its second.
#[flow(retries = 1)]
fn both(delay_ms: u64) -> Result<u32> {
    let attempt = patient(delay_ms).result()?;
    ensure!(context().attempt > 1, "the flow was to fail");
    Ok(attempt)
}

#[task(retries = 2)]
fn long_at_last() -> Result<u32> {
    let attempt = attempt()?;
    ensure!(attempt > 1, "attempt {attempt} was to fail");
    std::thread::sleep(Duration::from_secs(4));
    Ok(attempt)
}

/// A task that fails at once, and takes 4 seconds at its second attempt.
#[flow]
fn long_retry() -> Result<u32> {
    long_at_last()
}
