//! Flows that call flows.

use guest_sdk::prelude::*;

use crate::{double, echo, expect};

/// Doubles by a task, in whatever flow it is called.
#[flow]
fn doubling(n: u32) -> Result<u32> {
    info!("doubling {n}");
    expect!(context().flow, "doubling");
    double(n)
}

#[flow]
async fn doubling_later(n: u32, times: u32) -> Result<u32> {
    let own = context().flow_run_id;
    let mut result = n;
    for _ in 0..times {
        info!("doubling {result} of {n}");
        result = double::submit(result).await?;
        // Whatever ran in between, this is still the same subflow.
        expect!(context().flow_run_id, own);
    }
    Ok(result)
}

/// Calls flows as functions, one below the other.
#[flow]
fn subflow() -> Result<u32> {
    let own = context().flow_run_id;
    expect!(doubling(2)?, 4);
    expect!(echo("again", None)?, "again");
    expect!(context().flow_run_id, own);
    // A task's future is an argument here too.
    doubling(double::submit(3))
}

/// What a subflow knows of itself, handed to a task: what a replay is told otherwise shows.
#[flow]
async fn subflow_context() -> Result<()> {
    let above = context();
    let own = in_a_subflow().await?;
    expect!(own[0], above.flow_run_id.to_string());
    expect!(own[1], "1 []");
    Ok(())
}

#[flow]
async fn in_a_subflow() -> Result<Vec<String>> {
    // It is begun anew, later than the first time, whenever this timer has evicted the flow.
    let run = context();
    let parent = run.parent_flow_run_id.map(|parent| parent.to_string());
    let attempt = format!("{} {:?}", run.attempt, run.tags);
    let scheduled = run.scheduled_time.duration_since(SystemTime::UNIX_EPOCH)?;
    let known = vec![
        parent.unwrap_or_default(),
        attempt,
        scheduled.as_millis().to_string(),
    ];
    let told = repeat::submit(known.clone()).await?;
    sleep(Duration::from_millis(20)).await?;
    expect!(told, known);
    Ok(known)
}

#[task]
fn repeat(words: Vec<String>) -> Vec<String> {
    words
}

/// Fails below, and sees why.
#[flow]
fn failing_subflow() -> Result<String> {
    let error = echo("x", Some("below".to_owned())).err();
    let error = error.context("a failing subflow succeeded")?;
    ensure!(
        error.to_string().contains("below"),
        "the message is `{error}`"
    );
    Ok(error.to_string())
}

/// Runs several subflows at once, each with tasks and logs of its own.
#[flow]
async fn interleaved_subflows() -> Result<Vec<u32>> {
    let subflows = (1..=3).map(|n| doubling_later(n, n));
    let results = try_join_all(subflows).await?;
    expect!(results, [2, 8, 24]);
    expect!(context().flow, "interleaved-subflows");
    Ok(results)
}

/// Calls itself, `depth` deep.
#[flow]
async fn recursive_subflow(depth: u32) -> Result<u32> {
    match depth {
        0 => Ok(0),
        _ => Ok(1 + recursive_subflow(depth - 1).await?),
    }
}

/// Leaves a subflow behind when something else is faster.
#[flow]
async fn abandoned_subflow() -> Result<String> {
    let mut late = Box::pin(sleeping(3600)).fuse();
    let mut soon = sleep(Duration::from_millis(1));
    select! {
        _ = late => bail!("an hour was shorter than a millisecond"),
        slept = soon => slept?,
    }
    Ok("left".into())
}

#[flow]
async fn sleeping(seconds: u64) -> Result<()> {
    sleep(Duration::from_secs(seconds)).await
}
