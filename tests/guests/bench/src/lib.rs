//! Flows to measure with: each does one thing, as often as asked.

use std::time::SystemTime;

use guest_sdk::prelude::*;

/// Nothing at all.
#[flow]
fn empty() {}

#[task]
fn add_one(n: u32) -> u32 {
    n + 1
}

/// Three trivial tasks, one after the other.
#[flow]
fn three_tasks() -> Result<u32> {
    add_one(add_one(add_one(0)?)?)
}

/// `n` trivial tasks, one after the other.
#[flow]
fn serial(n: u32) -> Result<u32> {
    let mut sum = 0;
    for _ in 0..n {
        sum = add_one(sum)?;
    }
    Ok(sum)
}

/// `n` trivial tasks at once.
#[flow]
fn map(n: u32) -> Result<u64> {
    let futures = add_one::map(0..n);
    let mut sum = 0;
    for future in futures {
        sum += u64::from(future.result()?);
    }
    Ok(sum)
}

#[task]
fn same(text: String) -> String {
    text
}

/// A text of so many bytes, through a task and back. It is another one each time, and compresses as
/// little as numbers do.
#[flow]
fn pass(bytes: u32) -> Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let mut state = now.as_nanos() as u64;
    let mut text = String::with_capacity(bytes as usize + 16);
    while text.len() < bytes as usize {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push_str(&format!("{:08x}", state >> 32));
    }
    text.truncate(bytes as usize);
    same(text)
}

/// `n` runs of `empty`, started without waiting, then waited for together.
#[flow]
async fn fan_out(n: u32) -> Result<usize> {
    let children = (0..n).map(|_| run_deployment("empty/empty-deployment").timeout(Duration::ZERO));
    let started = run_deployments(children).await?;
    let ended = wait_for_flow_runs(&started).await?;
    for run in &ended {
        run.result::<()>()?;
    }
    Ok(ended.len())
}

#[task]
fn work(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A task that takes `ms`, while which the run stays running and holds its slot.
#[flow]
fn working(ms: u64) -> Result<()> {
    work(ms)
}

/// A durable timer.
#[flow]
async fn sleeper(ms: u64) -> Result<()> {
    sleep(Duration::from_millis(ms)).await
}

#[task]
fn heavy_task(item_id: u32) -> u32 {
    item_id
}

/// One item of `orchestrate`.
#[flow]
fn item(item_id: u32) -> Result<u32> {
    info!("Processing item {item_id}");
    let result = heavy_task(item_id)?;
    info!("Item {item_id} complete");
    Ok(result)
}

/// The example `orchestrator`, with items that take no time.
#[flow]
async fn orchestrate(#[default = 10] items: u32) -> Result<()> {
    let mut runs = Vec::new();
    for item_id in 0..items {
        let run = run_deployment("item/item-deployment")
            .parameter("item_id", item_id)
            .timeout(Duration::ZERO)
            .await?;
        runs.push(run.id);
        info!("Submitted item {item_id}");
    }
    wait_for_flow_runs(&runs).await?;
    info!("All items processed!");
    Ok(())
}

/// Waits for runs that others start and end, one after the other, after `n` trivial tasks:
/// each time it goes on, it replays a journal of `n` entries and one for each earlier wait.
#[flow]
async fn waiting(n: u32, gates: Vec<String>) -> Result<()> {
    for future in add_one::map(0..n) {
        future.await?;
    }
    for gate in gates {
        wait_for_flow_runs([gate]).await?;
    }
    Ok(())
}
