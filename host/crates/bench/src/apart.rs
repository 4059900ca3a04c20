//! Rows whose runs are created here and executed by a worker in another process.
//!
//! What ends in another process is measured from a moment before its cause, as the clock
//! says, to the time that the run's history has for the state: the same clock, since it is
//! the same machine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use model::StateType;

use crate::bed::Bed;
use crate::figures::{Sample, latencies, percentile};
use crate::ground::{Apart, Ground};
use crate::process::{Process, command, load};

/// `orch-host run` of the example with ten items, again and again.
pub async fn example(bed: &Bed, long: Duration) -> anyhow::Result<Vec<Sample>> {
    let begin = Instant::now();
    let mut took = Vec::new();
    while begin.elapsed() < long {
        let mut command = command(bed, &["run", "orchestrate"])?;
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let begin = Instant::now();
        let ran = tokio::task::spawn_blocking(move || command.output()).await??;
        took.push(begin.elapsed());
        anyhow::ensure!(
            ran.status.success(),
            "`orch-host run orchestrate` failed: {}",
            String::from_utf8_lossy(&ran.stderr).trim()
        );
    }
    Ok(latencies(&took))
}

/// From before a run is created until it runs.
pub async fn start(bed: &Bed, long: Duration) -> anyhow::Result<Vec<Sample>> {
    let begin = Instant::now();
    let mut took = Vec::new();
    while begin.elapsed() < long {
        let new = bed.new_run("empty", "{}")?;
        let id = new.run.id;
        let before = bed.now();
        bed.store.create_runs(vec![new]).await?;
        took.push(bed.entered(id, StateType::Running, 1).await?.since(before));
        bed.entered(id, StateType::Completed, 1).await?;
    }
    Ok(latencies(&took))
}

/// Flows that wait at the same time.
const WAITING: usize = 100;

/// After this a flow that began to wait is out of memory, where it is not parked.
pub const LEAVES: Duration = Duration::from_millis(50);

/// From before what a suspended flow waits for ends, until the flow runs again.
pub async fn resume(bed: &Bed, long: Duration) -> anyhow::Result<Vec<Sample>> {
    let begin = Instant::now();
    let (mut running, mut ended) = (Vec::new(), Vec::new());
    while begin.elapsed() < long {
        let gates = bed.gates(WAITING).await?;
        let new = gates.iter().map(|gate| bed.waiting_run(0, &[*gate]));
        let new = new.collect::<anyhow::Result<Vec<_>>>()?;
        let ids: Vec<_> = new.iter().map(|new| new.run.id).collect();
        bed.store.create_runs(new).await?;
        bed.idle().await?;
        tokio::time::sleep(LEAVES).await;
        for (gate, id) in gates.into_iter().zip(ids) {
            let before = bed.now();
            bed.open(gate).await?;
            let completed = bed.entered(id, StateType::Completed, 1).await?;
            ended.push(completed.since(before));
            let again = bed.entered(id, StateType::Running, 2).await?;
            running.push(again.since(before));
        }
    }
    let mut samples = latencies(&running);
    samples.push(Sample::ms("p50 to its end", percentile(&ended, 500)));
    Ok(samples)
}

/// Worker processes killed in one round.
const KILLED: usize = 5;

/// Longer than a worker waits between two looks for lost ones.
const MOMENT: Duration = Duration::from_secs(1);

/// From before a worker process is killed until its run runs in another one.
pub async fn kill(ground: &mut Ground<'_>) -> anyhow::Result<Vec<Sample>> {
    let Apart { mut worker, bed } = ground.fresh(&[]).await?;
    let mut took = Vec::new();
    for _ in 0..KILLED {
        let new = bed.new_run("working", r#"{"ms":600000}"#)?;
        let id = new.run.id;
        bed.store.create_runs(vec![new]).await?;
        bed.entered(id, StateType::Running, 1).await?;
        let other = Process::worker(&bed, &[]).await?;
        // Workers look for lost ones at times of their own: any moment is as likely.
        tokio::time::sleep(MOMENT.mul_f64(rand::random())).await;
        let before = bed.now();
        worker.kill()?;
        took.push(bed.entered(id, StateType::Running, 2).await?.since(before));
        bed.store.cancel(id, bed.now()).await?;
        bed.until_over(id).await?;
        worker = other;
    }
    drop(worker);
    bed.clear().await?;
    let most = took.iter().max().copied().unwrap_or_default();
    Ok(vec![
        Sample::ms("p50", percentile(&took, 500)),
        Sample::ms("most", most),
    ])
}

/// How long an idle worker is looked at, and how long it has to settle before.
const IDLE: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(1);

/// What a worker takes that has nothing to do.
pub async fn idle(ground: &mut Ground<'_>) -> anyhow::Result<Vec<Sample>> {
    let Apart { worker, bed } = ground.fresh(&[]).await?;
    tokio::time::sleep(SETTLE).await;
    let percent = load(&worker, IDLE).await?;
    let memory = worker.memory()?;
    drop(worker);
    bed.clear().await?;
    Ok(vec![
        Sample::percent("of a core", percent),
        Sample::mib("resident memory", memory.resident),
        Sample::mib("of which its own", memory.anonymous),
    ])
}
