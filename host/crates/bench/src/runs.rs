//! Rows of whole runs, one after the other or many at once, wherever the worker of the bed is.

use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::figures::{Sample, latencies};

/// Runs of a flow, one after the other, for about `long`.
pub async fn in_turn(
    bed: &Bed,
    flow: &str,
    parameters: &str,
    long: Duration,
) -> anyhow::Result<Vec<Sample>> {
    let begin = Instant::now();
    let mut took = Vec::new();
    while begin.elapsed() < long {
        took.push(bed.run_one(flow, parameters).await?);
    }
    Ok(latencies(&took))
}

/// Runs of a flow, created a batch at a time, for about `long`.
pub async fn together(
    bed: &Bed,
    flow: &str,
    batch: usize,
    long: Duration,
) -> anyhow::Result<Vec<Sample>> {
    let (runs, took) = batches(bed, flow, batch, long).await?;
    Ok(vec![Sample::rate("throughput", runs, took)])
}

/// The same: how many there were, and how long all of them took.
pub async fn batches(
    bed: &Bed,
    flow: &str,
    batch: usize,
    long: Duration,
) -> anyhow::Result<(usize, Duration)> {
    bed.idle().await?;
    let begin = Instant::now();
    let mut runs = 0;
    let mut last = None;
    while begin.elapsed() < long {
        last = bed.create_many(batch, |_| bed.new_run(flow, "{}")).await?;
        runs += batch;
        // The next ones are created while these are executed, as many clients would.
        bed.at_most(batch as u64 / 2).await?;
    }
    bed.idle().await?;
    let took = begin.elapsed();
    if let Some(last) = last {
        bed.check(last).await?;
    }
    Ok((runs, took))
}
