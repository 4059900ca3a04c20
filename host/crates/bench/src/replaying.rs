//! What it costs to go on, by how much there is to replay.

use std::time::Duration;

use model::StateType;

use crate::apart::LEAVES;
use crate::bed::Bed;
use crate::figures::{Sample, Unit, percentile};

/// Journals of so many entries, which stand for finished tasks.
const LENGTHS: [usize; 4] = [0, 100, 1_000, 10_000];

/// How often a flow is suspended and goes on.
const TIMES: usize = 10;

/// From before what a suspended flow waits for ends, until the flow has replayed its journal
/// and waits again.
pub async fn replay(bed: &Bed) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut medians = Vec::new();
    for length in LENGTHS {
        let took = resumptions(bed, length).await?;
        let median = percentile(&took, 500);
        samples.push(Sample::ms(format!("{length} entries"), median));
        medians.push(median);
    }
    if let (Some(shortest), Some(longest)) = (medians.first(), medians.last()) {
        let entries = LENGTHS[LENGTHS.len() - 1] - LENGTHS[0];
        let us = longest.saturating_sub(*shortest).as_secs_f64() * 1e6;
        let per_entry = us / entries as f64;
        samples.push(Sample::new("per entry", Unit::Microseconds, per_entry));
    }
    Ok(samples)
}

async fn resumptions(bed: &Bed, length: usize) -> anyhow::Result<Vec<Duration>> {
    let gates = bed.gates(TIMES + 1).await?;
    let new = bed.waiting_run(length, &gates)?;
    let id = new.run.id;
    bed.create_many(1, |_| Ok(new.clone())).await?;
    let mut took = Vec::new();
    for (at, gate) in gates.iter().enumerate() {
        bed.entered(id, StateType::Waiting, at + 1).await?;
        tokio::time::sleep(LEAVES).await;
        let before = bed.now();
        bed.open(*gate).await?;
        if at < TIMES {
            let waits = bed.entered(id, StateType::Waiting, at + 2).await?;
            took.push(waits.since(before));
        }
    }
    bed.entered(id, StateType::Completed, 1).await?;
    Ok(took)
}
