//! Errors on their way from a task to its flow.

use guest_sdk::prelude::*;

use crate::{double, expect, fail, sum};

/// The error of something that was to fail.
fn error_of<T>(result: Result<T>) -> Result<Error> {
    result.err().context("this was to fail, and succeeded")
}

/// Sees a task's error, and goes on.
#[flow]
fn task_error() -> Result<String> {
    let error = error_of(fail("as told"))?;
    expect!(error.kind(), ErrorKind::Error);
    ensure!(
        error.to_string().contains("as told"),
        "the message is `{error}`"
    );
    Ok(error.to_string())
}

#[task]
fn fails_deep() -> Result<u32> {
    let text = "twelve";
    let number: Result<u32> = text.parse().with_context(|| format!("reading `{text}`"));
    number.context("the settings")
}

/// Sees the whole chain of an error.
#[flow]
fn error_chain() -> Result<String> {
    let error = error_of(fails_deep())?;
    let message = "the settings: reading `twelve`: invalid digit found in string";
    ensure!(
        error.to_string().contains(message),
        "the message is `{error}`"
    );
    Ok(error.to_string())
}

#[task(retries = 3)]
fn gives_up() -> Result<u32> {
    Err(Error::permanent("no use"))
}

/// Sees that an error is permanent, and that it came after one attempt.
#[flow]
fn permanent_error() -> Result<String> {
    let error = error_of(gives_up())?;
    expect!(error.kind(), ErrorKind::Permanent);
    Ok(error.to_string())
}

#[task]
fn panics() -> Result<u32> {
    panic!("a task lost its head")
}

/// Sees that a task panicked.
#[flow]
fn task_panic() -> Result<String> {
    let error = error_of(panics())?;
    expect!(error.kind(), ErrorKind::Panicked);
    ensure!(
        error.to_string().contains("lost its head"),
        "the message is `{error}`"
    );
    Ok(error.to_string())
}

#[task(timeout = "50ms")]
fn dawdles() -> Result<u32> {
    std::thread::sleep(Duration::from_secs(60));
    Ok(0)
}

/// Sees that a task took too long.
#[flow]
fn task_timeout() -> Result<String> {
    let error = error_of(dawdles())?;
    expect!(error.kind(), ErrorKind::TimedOut);
    Ok(error.to_string())
}

/// Sees that a task did not start, since its argument failed.
#[flow]
fn upstream_failure() -> Result<String> {
    let broken = fail::submit("broken");
    let error = error_of(double(&broken))?;
    expect!(error.kind(), ErrorKind::Upstream);
    let error = error_of(sum(vec![double::submit(1), broken]))?;
    expect!(error.kind(), ErrorKind::Upstream);
    Ok(error.to_string())
}

#[task]
fn calls_a_task() -> Result<u32> {
    double(1)
}

#[task]
fn calls_a_plain_task() -> Result<u32> {
    double::call(21)
}

/// A task cannot start a task, but can run its plain function.
#[flow]
fn task_in_task() -> Result<String> {
    expect!(calls_a_plain_task()?, 42);
    let error = error_of(calls_a_task())?;
    Ok(error.to_string())
}

/// A wait cannot be made longer by what is not a number.
#[flow]
fn jitter_without_a_number() -> Result<String> {
    let options = fail::options().retries(1).retry_jitter(f64::NAN);
    let error = error_of(options.call("again"))?;
    ensure!(
        error.to_string().contains("NaN"),
        "the message is `{error}`"
    );
    Ok(error.to_string())
}

/// Fails by what a task returned, as a whole.
#[flow]
fn fails() -> Result<u32> {
    fail("the flow fails by this")
}
