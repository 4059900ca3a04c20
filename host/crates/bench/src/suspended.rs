//! Many flows that wait and are out of memory: what they cost the worker, and how fast they
//! go on when all are woken.

use std::time::{Duration, Instant};

use model::StateType;

use crate::figures::{Sample, Unit};
use crate::ground::{Apart, Ground};

/// Flows that wait for the same: so many are woken by one transaction.
const WOKEN: usize = 1000;

/// Longer than a waiting flow is parked by default.
const PARKED: Duration = Duration::from_secs(2);

/// One round with `flows` of them, on a worker as it is by default.
pub async fn suspended(ground: &mut Ground<'_>, flows: usize) -> anyhow::Result<Vec<Sample>> {
    let Apart { worker, bed } = ground.fresh(&[]).await?;
    tokio::time::sleep(PARKED).await;
    let idle = worker.memory()?;
    // What it keeps for the next run in any case, such as caches and room for instances.
    bed.create_many(WOKEN, |_| bed.new_run("empty", "{}"))
        .await?;
    bed.idle().await?;
    tokio::time::sleep(PARKED).await;
    let used = worker.memory()?;

    let gates = bed.gates(flows.div_ceil(WOKEN)).await?;
    let begin = Instant::now();
    let new = |at: usize| bed.waiting_run(0, &[gates[at / WOKEN]]);
    let last = bed.create_many(flows, new).await?;
    bed.idle().await?;
    let to_suspend = begin.elapsed();
    tokio::time::sleep(PARKED).await;
    if let Some(last) = last {
        bed.until(last, |run| run.state.kind == StateType::Waiting)
            .await?;
    }
    let held = worker.memory()?;

    let begin = Instant::now();
    for gate in gates {
        bed.open(gate).await?;
    }
    bed.idle().await?;
    let to_resume = begin.elapsed();
    if let Some(last) = last {
        bed.check(last).await?;
    }
    let peak = worker.memory()?.peak;
    drop(worker);
    bed.clear().await?;
    let per_flow = (held.resident - used.resident) / flows as f64;
    Ok(vec![
        Sample::mib("idle", idle.resident),
        Sample::mib("beyond idle", held.resident - idle.resident),
        Sample::mib("of which its own", held.anonymous - idle.anonymous),
        Sample::mib("beyond idle after work", held.resident - used.resident),
        Sample::new("of that per flow", Unit::Bytes, per_flow),
        Sample::mib("beyond idle, peak", peak - idle.resident),
        Sample::rate("suspended", flows, to_suspend),
        Sample::rate("resumed", flows, to_resume),
    ])
}
