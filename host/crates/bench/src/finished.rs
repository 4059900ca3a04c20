//! Whether a long history makes runs slower: the same runs on a database with few finished
//! runs and on one with many.

use std::time::Duration;

use futures::future::try_join_all;
use model::{Json, PoolName, State, WorkerId};
use store::{Claim, Claimed, Next, Progress, Store};

use crate::bed::Bed;
use crate::figures::{Sample, Unit, percentile};
use crate::runs::batches;

/// Finished runs in the shorter history.
const FEW: usize = 1000;

/// Runs of one batch, both while filling and while measuring.
const BATCH: usize = 1000;

/// Single runs that are measured besides.
const SINGLE: usize = 100;

pub struct Histories {
    few: Bed,
    many: Bed,
    finished: usize,
}

impl Histories {
    /// Gives each bed its history, and then a worker in this process.
    pub async fn fill(few: Bed, many: Bed, finished: usize) -> anyhow::Result<Self> {
        finish_runs(&few, FEW).await?;
        finish_runs(&many, finished).await?;
        Ok(Self {
            few: few.work_here().await?,
            many: many.work_here().await?,
            finished,
        })
    }

    /// Measures both in turn.
    pub async fn measure(&self, long: Duration) -> anyhow::Result<Vec<Sample>> {
        let few = cost(&self.few, long).await?;
        let many = cost(&self.many, long).await?;
        let many_name = |what: &str| format!("{what}, {} finished", self.finished);
        let ratio = |name, few: f64, many: f64| Sample::new(name, Unit::Times, many / few);
        let us = |name: String, value| Sample::new(name, Unit::Microseconds, value);
        Ok(vec![
            us(format!("a run of many, {FEW} finished"), few.of_many_us),
            us(many_name("a run of many"), many.of_many_us),
            ratio("ratio", few.of_many_us, many.of_many_us),
            us(format!("a single run, {FEW} finished"), few.single_us),
            us(many_name("a single run"), many.single_us),
            ratio("ratio of single ones", few.single_us, many.single_us),
        ])
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        self.few.clear().await?;
        self.many.clear().await
    }
}

/// What a run takes.
struct Cost {
    /// Of those that are under way together, each one's share of the time.
    of_many_us: f64,
    /// One at a time, at p50.
    single_us: f64,
}

async fn cost(bed: &Bed, long: Duration) -> anyhow::Result<Cost> {
    let (runs, took) = batches(bed, "empty", BATCH, long).await?;
    let mut single = Vec::new();
    for _ in 0..SINGLE {
        single.push(bed.run_one("empty", "{}").await?);
    }
    Ok(Cost {
        of_many_us: took.as_secs_f64() * 1e6 / runs as f64,
        single_us: percentile(&single, 500).as_secs_f64() * 1e6,
    })
}

/// Puts finished runs into the database, by what a worker would ask of the store, but
/// without executing anything.
async fn finish_runs(bed: &Bed, count: usize) -> anyhow::Result<()> {
    let pool: PoolName = "history".parse()?;
    let store = &bed.store;
    let worker = bed.staff(&pool, BATCH as u32).await?;
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        finish_batch(bed, &pool, worker, batch).await?;
        left -= batch;
    }
    store.sign_off(worker, bed.now()).await?;
    Ok(())
}

async fn finish_batch(
    bed: &Bed,
    pool: &PoolName,
    worker: WorkerId,
    count: usize,
) -> anyhow::Result<()> {
    let new = |_| {
        let mut new = bed.new_run("empty", "{}")?;
        new.run.pool = Some(pool.clone());
        Ok(new)
    };
    bed.create_many(count, new).await?;
    let claim = Claim {
        worker,
        pool: Some(pool.clone()),
        queues: Vec::new(),
        count: count as u32,
        now: bed.now(),
    };
    let claimed = bed.store.claim(claim).await?;
    anyhow::ensure!(claimed.len() == count, "not all runs could be claimed");
    try_join_all(claimed.into_iter().map(|claimed| end(&*bed.store, claimed))).await?;
    Ok(())
}

async fn end(store: &dyn Store, claimed: Claimed) -> anyhow::Result<()> {
    let outcome = Ok(Json::parse("null")?);
    let mut progress = Progress::new(claimed.lease);
    progress.states = vec![
        State::running(1, store.clock().now()),
        State::ended(&outcome, store.clock().now()),
    ];
    progress.next = Next::End { outcome };
    store.record(progress).await?;
    Ok(())
}
