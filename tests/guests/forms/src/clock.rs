//! Time and chance, which a replay repeats.

use std::hash::{BuildHasher, RandomState};

use guest_sdk::prelude::*;

use crate::expect;

/// Sleeps by a durable timer.
#[flow]
fn sleeps(ms: u64) -> Result<u64> {
    let before = SystemTime::now();
    sleep(Duration::from_millis(ms)).wait()?;
    let slept = SystemTime::now().duration_since(before)?;
    ensure!(
        slept >= Duration::from_millis(ms),
        "slept for {slept:?} only"
    );
    Ok(slept.as_millis() as u64)
}

/// What a flow saw of time and chance.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Seen {
    unix_ms: u64,
    random: u64,
}

fn look() -> Result<Seen> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Seen {
        unix_ms: now.as_millis() as u64,
        random: RandomState::new().hash_one(0),
    })
}

/// Reads the clocks and draws numbers between waits: a replay must see the same, or it
/// diverges, since the task's argument is made of it.
#[flow]
fn time_and_chance(ms: u64) -> Result<Seen> {
    let start = Instant::now();
    let first = look()?;
    sleep(Duration::from_millis(ms)).wait()?;
    let told = tell(
        first.unix_ms,
        first.random,
        start.elapsed().as_nanos() as u64,
    )?;
    expect!(told, first.unix_ms);
    let second = look()?;
    ensure!(second.unix_ms >= first.unix_ms, "time went back");
    Ok(second)
}

#[task]
fn tell(unix_ms: u64, random: u64, elapsed_ns: u64) -> u64 {
    info!("at {unix_ms}, {random}, after {elapsed_ns} ns");
    unix_ms
}

/// What a run was told of itself.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Told {
    flow: String,
    deployment: Option<String>,
    attempt: u32,
    parameters: Value,
    tags: Vec<String>,
    has_parent: bool,
}

#[task]
fn own_key() -> Result<(String, String)> {
    let context = context();
    let task = context.task()?;
    expect!(task.attempt, 1);
    expect!(task.task, "own_key");
    let flow_run = context.flow_run_id.to_string();
    Ok((flow_run, task.idempotency_key().to_owned()))
}

/// Reads the context, in the flow and in a task.
#[flow]
fn reads_context(word: String) -> Result<Told> {
    let context = context();
    expect!(context.parameters["word"].as_str(), Some(word.as_str()));
    ensure!(context.task().is_err(), "a flow was told of a task");
    let (run, key) = own_key()?;
    expect!(run, context.flow_run_id.to_string());
    ensure!(own_key()?.1 != key, "two task runs have one key");
    Ok(Told {
        flow: context.flow,
        deployment: context.deployment,
        attempt: context.attempt,
        parameters: context.parameters,
        tags: context.tags,
        has_parent: context.parent_flow_run_id.is_some(),
    })
}
