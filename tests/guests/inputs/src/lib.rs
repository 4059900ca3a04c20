//! Flows that ask a person for input, each in another way.

use std::collections::BTreeMap;

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Approval {
    approved: bool,
    note: Option<String>,
}

/// Asks once, and says what it was told.
#[flow]
fn release(version: String) -> Result<String> {
    let approval = suspend_for_input::<Approval>("approval")
        .description(format!("Release {version}?"))
        .wait()?;
    let note = approval.note.unwrap_or("nothing to add".into());
    Ok(format!("{version}: {} ({note})", approval.approved))
}

/// Asks for plain text.
#[flow]
async fn greets() -> Result<String> {
    let name = suspend_for_input::<String>("name").await?;
    Ok(format!("hello {name}"))
}

/// Asks for one number after the other.
#[flow]
async fn in_turn() -> Result<u32> {
    let first = suspend_for_input::<u32>("number").await?;
    let second = suspend_for_input::<u32>("number").await?;
    Ok(first * 100 + second)
}

/// Asks for two at once.
#[flow]
async fn at_once() -> Result<String> {
    let number = suspend_for_input::<u32>("number").into_future();
    let word = suspend_for_input::<String>("word").into_future();
    let (number, word) = try_join!(number, word)?;
    Ok(format!("{word} {number}"))
}

/// Asks for the same twice at once, which is refused.
#[flow]
async fn the_same_twice() -> Result<String> {
    let one = suspend_for_input::<u32>("number").into_future();
    let other = suspend_for_input::<u32>("number").into_future();
    match try_join!(one, other) {
        Ok(_) => bail!("both were asked for"),
        Err(error) => Ok(error.to_string()),
    }
}

/// Waits a moment, and then gives up.
#[flow]
fn impatient() -> Result<String> {
    let given = suspend_for_input::<bool>("answer")
        .timeout(Duration::from_millis(1))
        .wait();
    let error = given.err().context("nobody can have answered")?;
    ensure!(error.kind() == ErrorKind::TimedOut, "{:?}", error.kind());
    Ok(error.to_string())
}

/// Has less time than anybody needs.
#[flow(timeout = "300ms")]
fn in_a_hurry() -> Result<bool> {
    suspend_for_input::<bool>("answer").wait()
}

/// Stops waiting for an answer, and asks again.
#[flow]
async fn reminds() -> Result<u32> {
    let mut first = suspend_for_input::<u32>("number").into_future();
    let mut soon = sleep(Duration::from_millis(1));
    select! {
        _ = first => bail!("nobody can have answered"),
        slept = soon => slept?,
    }
    drop(first);
    suspend_for_input::<u32>("number")
        .description("Once more")
        .await
}

/// Calls a flow that asks.
#[flow]
fn outer(version: String) -> Result<String> {
    release(version)
}

/// Fails after it was answered, and tries again.
#[flow(retries = 1)]
fn fails_once() -> Result<u32> {
    let number = suspend_for_input::<u32>("number").wait()?;
    ensure!(context().attempt > 1, "the first attempt fails");
    Ok(number)
}

/// Fails unless the numbers have exactly these bits.
fn check_bits(place: &str, numbers: &[f64], bits: &[u64]) -> Result<()> {
    ensure!(numbers.len() == bits.len(), "{place}: {}", numbers.len());
    for (number, bits) in numbers.iter().zip(bits) {
        let expected = f64::from_bits(*bits);
        ensure!(
            number.to_bits() == *bits,
            "{place}: {expected:e} became {number:e}"
        );
    }
    Ok(())
}

#[task]
fn pass_numbers(numbers: Vec<f64>, bits: Vec<u64>) -> Result<Vec<f64>> {
    check_bits("a task's argument", &numbers, &bits)?;
    Ok(numbers)
}

/// Returns the numbers that it is given.
#[flow]
fn returns_numbers(numbers: Vec<f64>, bits: Vec<u64>) -> Result<Vec<f64>> {
    check_bits("a flow's parameter", &numbers, &bits)?;
    Ok(numbers)
}

/// Sends numbers everywhere that a value can go, and fails where one of them changes.
#[flow]
fn sends_numbers(numbers: Vec<f64>, bits: Vec<u64>) -> Result<Vec<f64>> {
    check_bits("a parameter", &numbers, &bits)?;
    let numbers = pass_numbers(&numbers, &bits)?;
    check_bits("a task's result", &numbers, &bits)?;
    let numbers = pass_numbers(pass_numbers::submit(&numbers, &bits), &bits)?;
    check_bits("a result passed on", &numbers, &bits)?;
    let numbers = returns_numbers(&numbers, &bits)?;
    check_bits("a subflow's result", &numbers, &bits)?;
    let child = run_deployment("returns-numbers/returns-numbers-deployment")
        .parameter("numbers", &numbers)
        .parameter("bits", &bits)
        .wait()?;
    check_bits("a child's result", &child.result::<Vec<f64>>()?, &bits)?;
    let given = suspend_for_input::<Vec<f64>>("numbers").wait()?;
    check_bits("an input", &given, &bits)?;
    Ok(given)
}

#[task]
fn endless() {
    std::thread::sleep(Duration::from_secs(3600));
}

/// Has a task under way while it waits.
#[flow]
async fn works_meanwhile() -> Result<()> {
    let asking = async {
        let number = suspend_for_input::<u32>("number").await?;
        info!("given {number}");
        Ok(())
    };
    try_join!(asking, endless::submit())?;
    Ok(())
}

/// Cleans up when it is cancelled.
#[flow]
fn cleans_up() -> Result<bool> {
    let given = suspend_for_input::<bool>("answer").wait();
    if let Err(error) = &given {
        info!("cleaning up: {:?}", error.kind());
    }
    given
}

/// A measurement that may have failed.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Reading {
    sensor: u32,
    value: Option<f64>,
}

/// Two readings, the second of which is the number with this name, such as `NaN`.
fn readings(number: &str) -> Result<Vec<Reading>> {
    let number: f64 = number.parse()?;
    let reading = |sensor, value| Reading {
        sensor,
        value: Some(value),
    };
    Ok(vec![reading(1, 0.5), reading(2, number)])
}

#[task(retries = 3)]
fn read(number: String) -> Result<Vec<Reading>> {
    readings(&number)
}

#[task]
fn keep(readings: Vec<Reading>) -> usize {
    readings.len()
}

/// Sends a number where JSON would have to hold it.
#[flow]
fn sends_readings(number: String, way: String) -> Result<Vec<Reading>> {
    match &*way {
        "a task's result" => return read(number),
        "a task's argument" => {
            keep(readings(&number)?)?;
        }
        "a parameter" => {
            let run = run_deployment("returns-numbers/returns-numbers-deployment");
            run.parameter("numbers", readings(&number)?).wait()?;
        }
        "parameters" => {
            let run = run_deployment("returns-numbers/returns-numbers-deployment");
            let parameters = BTreeMap::from([("numbers", readings(&number)?)]);
            run.parameters(parameters).wait()?;
        }
        "a table" => artifact::table("readings", &readings(&number)?)?,
        _ => {}
    }
    readings(&number)
}
