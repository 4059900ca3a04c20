//! Every form of the SDK, each in a flow that checks its results itself and returns a summary.
//! A flow of this component fails exactly when a promise of the SDK is broken.

mod blocking;
mod clock;
mod concurrent;
mod deployments;
mod failures;
mod subflows;
mod values;

use guest_sdk::prelude::*;

/// Fails unless two values are equal, and shows both.
#[macro_export]
macro_rules! expect {
    ($left:expr, $right:expr) => {
        match (&$left, &$right) {
            (left, right) => guest_sdk::prelude::ensure!(
                *left == *right,
                "{}:{}: {left:?} is not {right:?}",
                file!(),
                line!()
            ),
        }
    };
}

/// Doubles a number.
#[task]
fn double(n: u32) -> Result<u32> {
    Ok(n * 2)
}

/// Adds two numbers, and may be awaited.
#[task]
async fn add(a: u32, b: u32) -> Result<u32> {
    Ok(a + b)
}

/// Adds many numbers.
#[task]
fn sum(numbers: Vec<u32>) -> u32 {
    numbers.iter().sum()
}

#[task]
fn greet(name: String) -> String {
    format!("hello {name}")
}

#[task]
fn nothing() {}

/// Takes `ms` of real time.
#[task]
fn slow(ms: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(ms));
    ms
}

#[task]
fn fail(message: String) -> Result<u32> {
    bail!("{message}")
}

/// Returns what it is given, or fails when asked to: the child of other flows.
#[flow]
fn echo(value: String, fail: Option<String>) -> Result<String> {
    match fail {
        Some(message) => bail!("{message}"),
        None => Ok(value),
    }
}
