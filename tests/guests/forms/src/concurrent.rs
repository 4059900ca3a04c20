//! `async` flows: many things at once, in an order that a replay repeats.

use guest_sdk::prelude::*;

use crate::{add, double, expect, greet, slow};

/// Awaits `async` tasks, alone and joined.
#[flow]
async fn awaits() -> Result<u32> {
    expect!(add(1, 2).await?, 3);
    expect!(double::submit(4).await?, 8);
    let future = double::submit(5);
    expect!((&future).await?, 10);
    expect!(future.await?, 10);
    add::options().retries(1).call(20, 22).await
}

/// Joins lists, pairs, and different types.
#[flow]
async fn joins() -> Result<u32> {
    let doubled: Vec<u32> = try_join_all(double::map(0..50)).await?;
    expect!(doubled[49], 98);
    let sums: Vec<Result<u32>> = join_all((0..5).map(|n| add(n, n))).await;
    expect!(sums.len(), 5);
    let (number, text) = try_join!(double::submit(1), greet::submit("you"))?;
    expect!((number, text.as_str()), (2, "hello you"));
    let (a, b) = join(add(1, 1), add(2, 2)).await;
    Ok(a? + b?)
}

/// Takes whichever ends first.
#[flow]
async fn selects() -> Result<String> {
    let mut task = double::submit(1);
    let mut late = sleep(Duration::from_secs(3600));
    select! {
        result = task => expect!(result?, 2),
        _ = late => bail!("an hour was shorter than a task"),
    }

    let mut soon = sleep(Duration::from_millis(1));
    let mut slow_task = slow::submit(2000);
    let first = select! {
        _ = slow_task => "the task",
        slept = soon => {
            slept?;
            "the timer"
        }
    };
    // What lost is still there.
    expect!(slow_task.await?, 2000);
    Ok(first.into())
}

/// Takes results as they come.
#[flow]
async fn unordered() -> Result<u32> {
    let mut running: FuturesUnordered<_> = double::map(0..20).into_iter().collect();
    running.extend(double::map(20..30));
    let mut sum = 0;
    while let Some(result) = running.next().await {
        sum += result?;
    }
    expect!(sum, 870);
    Ok(sum)
}

/// Blocks inside an `async` flow while other things are under way.
#[flow]
async fn blocks_inside() -> Result<u32> {
    let background = async {
        let first = add(1, 1).await?;
        add(first, 1).await
    };
    let blocking = async {
        let doubled = double(5)?;
        sleep(Duration::from_millis(1)).wait()?;
        Ok::<u32, Error>(doubled)
    };
    let (a, b) = try_join!(background, blocking)?;
    Ok(a + b)
}

/// Yields to itself, which wakes at once and waits for nothing.
#[flow]
async fn yields() -> Result<u32> {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
    double::submit(21).await
}
