//! Flows whose journals stand in `tests/golden`. What is written here is never changed: a
//! later version must replay what an earlier one recorded. New flows may be added.

use std::collections::HashSet;

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Part {
    number: u32,
    label: String,
}

#[task]
fn make(number: u32) -> Part {
    let label = format!("part {number}");
    Part { number, label }
}

#[task(retries = 1)]
fn refuse(reason: String) -> Result<u32> {
    bail!("{reason}")
}

#[task]
fn join(parts: Vec<Part>) -> String {
    let labels: Vec<String> = parts.into_iter().map(|part| part.label).collect();
    labels.join(", ")
}

/// Tasks in all their forms, one of which fails.
#[flow]
fn tasks() -> Result<String> {
    let first = make(1)?;
    let parts = make::map(2..5);
    let joined = join::submit(&parts).result()?;
    let refused = refuse("not today").err();
    let refused = refused.context("it was to fail")?;
    Ok(format!("{}, {joined}; {refused:#}", first.label))
}

/// A child of other flows.
#[flow]
fn child(number: u32) -> Result<u32> {
    ensure!(number != 3, "3 is no good");
    Ok(number * 10)
}

/// Runs of a deployment: waited for one by one, together, and never started.
#[flow]
async fn runs() -> Result<Vec<u32>> {
    let start = |number: u32| run_deployment("child/child-deployment").parameter("number", number);
    let one = start(1).await?.result::<u32>()?;
    let more = (2..5).map(|number| start(number).timeout(Duration::ZERO));
    let started = run_deployments(more).await?;
    let mut results = vec![one];
    for run in wait_for_flow_runs(&started).await? {
        results.push(run.result::<u32>().unwrap_or(0));
    }
    let missing = run_deployment("nobody/nothing").await;
    ensure!(missing.is_err(), "a deployment that does not exist was run");
    Ok(results)
}

/// Subflows at the same time, timers, and whatever comes first.
#[flow]
async fn concurrent() -> Result<u32> {
    let (one, two) = join_all([part(1), part(2)])
        .await
        .into_iter()
        .collect::<Result<Vec<u32>>>()
        .map(|both| (both[0], both[1]))?;
    let mut slow = Box::pin(sleep(Duration::from_secs(3600)));
    let mut quick = Box::pin(sleep(Duration::from_millis(20)));
    let first = futures_first(&mut slow, &mut quick).await;
    Ok(one + two + first)
}

async fn futures_first(
    slow: &mut (impl Future<Output = Result<()>> + Unpin),
    quick: &mut (impl Future<Output = Result<()>> + Unpin),
) -> u32 {
    let mut slow = slow.fuse();
    let mut quick = quick.fuse();
    select! {
        _ = slow => 1,
        _ = quick => 2,
    }
}

/// A part of a flow.
#[flow]
async fn part(number: u32) -> Result<u32> {
    let part = make::submit(number).await?;
    sleep(Duration::from_millis(5)).await?;
    Ok(part.number)
}

/// What is the same on replay although it comes from outside: time and randomness.
#[flow]
async fn outside() -> Result<String> {
    let begin = SystemTime::now();
    sleep(Duration::from_millis(10)).await?;
    let passed = begin.elapsed()?.as_micros();
    // The order of a hash set depends on random numbers.
    let order: Vec<u32> = (0..10).collect::<HashSet<u32>>().into_iter().collect();
    let mut sum = 0;
    for number in order.iter().take(3) {
        sum += make(*number)?.number;
    }
    Ok(format!("{passed} {order:?} {sum}"))
}

/// What a person gives, what nobody gives in time, and what is no longer waited for.
#[flow]
async fn inputs() -> Result<String> {
    let one = suspend_for_input::<u32>("given").into_future();
    let other = asks(2).into_future();
    let (one, other) = try_join!(one, other)?;
    let late = suspend_for_input::<u32>("late").timeout(Duration::from_millis(5));
    let late = late.await.err().context("nobody gives it")?;
    let mut left = suspend_for_input::<u32>("left").into_future();
    let mut soon = sleep(Duration::from_millis(5));
    select! {
        _ = left => bail!("nobody gives it"),
        slept = soon => slept?,
    }
    drop(left);
    let last = suspend_for_input::<String>("given").await?;
    Ok(format!("{one} {other} {late} {last}"))
}

/// A part of a flow that asks, too.
#[flow]
async fn asks(times: u32) -> Result<u32> {
    let number = suspend_for_input::<u32>("given").description("A number");
    Ok(number.await? * times)
}
