//! Flows whose child fails for as long as the variable `fails` says so.

use guest_sdk::prelude::*;

const CHILD: &str = "as-the-variable-says/as-the-variable-says-deployment";

/// Fails while the variable `fails` is true.
#[flow]
fn as_the_variable_says(n: u32) -> Result<u32> {
    let fails = variable::<bool>("fails")?;
    ensure!(!fails, "it was to fail");
    Ok(n)
}

/// Starts the child and takes its result.
#[flow]
fn has_a_child(n: u32) -> Result<u32> {
    let run = run_deployment(CHILD).parameter("n", n).wait()?;
    run.result()
}

/// The same, and the child has a key.
#[flow]
fn has_a_child_with_a_key(n: u32, key: String) -> Result<u32> {
    let start = run_deployment(CHILD).parameter("n", n);
    let run = start.idempotency_key(key).wait()?;
    run.result()
}

/// The same in a subflow.
#[flow]
fn has_it_in_a_part(n: u32, key: String) -> Result<u32> {
    has_a_child_with_a_key(n, key)
}

/// Starts the child twice under one key: there is one child.
#[flow]
fn asks_twice(key: String) -> Result<Vec<String>> {
    let start = || {
        run_deployment(CHILD)
            .parameter("n", 1)
            .idempotency_key(&key)
    };
    let runs = [start().wait()?, start().wait()?];
    Ok(runs.map(|run| run.id.to_string()).into())
}

/// Takes a while, and gives back its number.
#[flow]
fn takes_a_while(n: u32) -> Result<u32> {
    sleep(Duration::from_secs(3600)).wait()?;
    Ok(n)
}

/// Starts a child that takes a while, and fails.
#[flow]
fn fails_before_its_child() -> Result<()> {
    run_deployment("takes-a-while/takes-a-while-deployment")
        .parameter("n", 1)
        .timeout(Duration::ZERO)
        .wait()?;
    bail!("it was to fail")
}

/// May take three seconds, and sleeps for two of them.
#[flow(timeout = "3s")]
fn sleeps_in_its_time() -> Result<()> {
    sleep(Duration::from_secs(2)).wait()
}
