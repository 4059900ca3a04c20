//! Writes runs into a database without executing them: by what a worker would ask of the store,
//! with times of the past.

use std::ops::Range;
use std::time::Duration;

use futures::future::try_join_all;
use model::{
    Answer, Awaited, Call, Deployment, DeploymentName, Entry, Failure, FailureKind, InputId, Json,
    Lease, Outcome, PoolName, RunId, Seq, State, Timestamp, Waits, WorkerId,
};
use operations::FreshIds;
use store::{Claim, NewRun, Next, Progress, Store};

use crate::bed::Bed;

/// Where the runs are. No other worker takes runs of it.
const POOL: &str = "archive";

/// Runs that are created, claimed and ended together.
pub const BATCH: usize = 1000;

const DEPLOYMENTS: usize = 50;

/// Runs of the deployment that has few.
const RARE_RUNS: usize = 20;

/// The worker that would have executed the runs.
pub struct Filling<'a> {
    bed: &'a Bed,
    /// How many runs it ends in all: so their times are known.
    runs: usize,
    pub now: Timestamp,
    pool: PoolName,
    worker: WorkerId,
    deployments: Vec<DeploymentName>,
}

impl<'a> Filling<'a> {
    pub async fn begin(bed: &'a Bed, runs: usize) -> anyhow::Result<Self> {
        let pool: PoolName = POOL.parse()?;
        let (store, now) = (&bed.store, bed.now());
        let worker = bed.staff(&pool, BATCH as u32).await?;
        let (component, _) = bed.component().await?;
        let flow = "empty".parse()?;
        let deployment = |n: usize| -> anyhow::Result<Deployment> {
            let plain = Deployment::plain(&flow, component.digest, now);
            Ok(Deployment {
                name: format!("empty/archive-{n}").parse()?,
                pool: pool.clone(),
                ..plain
            })
        };
        let deployments = (0..DEPLOYMENTS).map(deployment);
        let deployments = deployments.collect::<anyhow::Result<Vec<_>>>()?;
        let names = deployments.iter().map(|it| it.name.clone()).collect();
        store.deploy(deployments).await?;
        Ok(Self {
            bed,
            runs,
            now,
            pool,
            worker,
            deployments: names,
        })
    }

    /// The deployment of half of the runs.
    pub fn common(&self) -> &DeploymentName {
        &self.deployments[0]
    }

    /// That of very few.
    pub fn rare(&self) -> &DeploymentName {
        &self.deployments[DEPLOYMENTS - 1]
    }

    /// Runs that no worker has claimed, created in the last while.
    pub async fn leave_ready(&self, count: usize) -> anyhow::Result<()> {
        let ago = |n: usize| self.now.before(Duration::from_secs(n as u64));
        let new = (0..count).map(|n| self.new_run(n * 2 + 1, ago(n)));
        self.create(new.collect::<anyhow::Result<_>>()?).await?;
        Ok(())
    }

    pub fn store(&self) -> &dyn Store {
        &*self.bed.store
    }

    /// When the n-th run was created.
    fn time_of(&self, n: usize) -> Timestamp {
        let span = Duration::from_hours(24 * 30).as_micros() as f64;
        let ago = span * (self.runs - n) as f64 / self.runs as f64;
        self.now.before(Duration::from_micros(ago as u64))
    }

    fn new_run(&self, n: usize, at: Timestamp) -> anyhow::Result<NewRun> {
        let which = match n {
            // Long ago, and some way apart.
            _ if n < RARE_RUNS * 100 && n.is_multiple_of(100) => DEPLOYMENTS - 1,
            _ if n.is_multiple_of(2) => 0,
            _ => 1 + n / 2 % (DEPLOYMENTS - 2),
        };
        let mut new = self.bed.new_run("empty", r#"{"n": 17, "mode": "fast"}"#)?;
        new.run.pool = Some(self.pool.clone());
        new.run.deployment = Some(self.deployments[which].clone());
        new.run.created = at;
        new.run.scheduled = at;
        new.run.state = State::scheduled(at);
        if n.is_multiple_of(50) {
            new.run.tags = vec!["nightly".to_owned(), format!("team-{}", n % 7)];
        }
        Ok(new)
    }

    /// Claims these runs, which are all that are ready.
    async fn claim(&self, runs: usize, now: Timestamp) -> anyhow::Result<Vec<Lease>> {
        let claim = Claim {
            worker: self.worker,
            pool: Some(self.pool.clone()),
            queues: Vec::new(),
            count: runs as u32,
            now,
        };
        let claimed = self.store().claim(claim).await?;
        anyhow::ensure!(claimed.len() == runs, "not all runs could be claimed");
        Ok(claimed.into_iter().map(|claimed| claimed.lease).collect())
    }

    async fn create(&self, runs: Vec<NewRun>) -> anyhow::Result<Vec<RunId>> {
        let created = self.store().create_runs(runs).await?;
        Ok(created.into_iter().map(|run| run.id).collect())
    }

    /// One run, begun now.
    pub async fn begun(&self) -> anyhow::Result<Lease> {
        self.create(vec![self.new_run(1, self.now)?]).await?;
        let lease = self.claim(1, self.now).await?[0];
        let mut progress = Progress::new(lease);
        progress.states.push(State::running(1, self.now));
        self.store().record(progress).await?;
        Ok(lease)
    }

    pub async fn finish(&self, which: Range<usize>) -> anyhow::Result<Vec<RunId>> {
        let new = which.clone().map(|n| self.new_run(n, self.time_of(n)));
        let runs = self.create(new.collect::<anyhow::Result<_>>()?).await?;
        let last = self.time_of(which.end);
        let leases = self.claim(runs.len(), last).await?;
        let ends = which.zip(leases).map(|(n, lease)| self.end(n, lease));
        try_join_all(ends).await?;
        Ok(runs)
    }

    async fn end(&self, n: usize, lease: Lease) -> anyhow::Result<()> {
        let begun = self.time_of(n);
        let took = Duration::from_millis(20 + n as u64 * 7919 % 60_000);
        let failure = |kind, message: &str| Err(Failure::new(kind, message));
        let outcome: Outcome = match n % 200 {
            0..3 => failure(
                FailureKind::Error,
                "the file `orders.csv` has no column `id`",
            ),
            3 => failure(FailureKind::TimedOut, "the flow run took longer than 1m"),
            4 => failure(FailureKind::Crashed, "3 workers were lost"),
            5 => Err(Failure::cancelled()),
            _ => Ok(Json::parse(
                r#"{"rows": 4711, "file": "/out/orders.parquet"}"#,
            )?),
        };
        let mut progress = Progress::new(lease);
        progress.states = vec![
            State::running(1, begun),
            State::ended(&outcome, begun.after(took)),
        ];
        progress.next = Next::End { outcome };
        self.store().record(progress).await?;
        Ok(())
    }

    /// Ends one that was begun.
    pub async fn complete(&self, lease: Lease) -> anyhow::Result<()> {
        let outcome = Ok(Json::parse("null")?);
        let mut progress = Progress::new(lease);
        progress.states = vec![State::ended(&outcome, self.bed.now())];
        progress.next = Next::End { outcome };
        self.store().record(progress).await?;
        Ok(())
    }

    pub async fn suspend(&self, lease: Lease) -> anyhow::Result<()> {
        let mut progress = Progress::new(lease);
        progress.entries.push(Entry {
            seq: Seq(1),
            call: Call::Input {
                key: "approval".to_owned(),
                timeout_ms: None,
                scope: None,
            },
            answer: Answer::Input {
                id: InputId::new(&mut FreshIds),
                description: Some("Release it?".to_owned()),
                schema: Json::parse(r#"{"type":"boolean"}"#)?,
                until: None,
            },
            at: self.now,
            settled: None,
            identity: None,
        });
        let waits = for_the_only(Awaited::Input {
            seq: Seq(1),
            key: "approval".to_owned(),
        });
        progress.states.push(waits.state(self.now));
        progress.next = next(waits);
        self.store().record(progress).await?;
        Ok(())
    }

    pub async fn wait(&self, lease: Lease) -> anyhow::Result<()> {
        let mut progress = Progress::new(lease);
        progress.entries.push(Entry {
            seq: Seq(1),
            call: Call::Timer {
                duration_ms: 86_400_000,
            },
            answer: Answer::Due {
                at: self.now.after(Duration::from_hours(24)),
            },
            at: self.now,
            settled: None,
            identity: None,
        });
        let waits = for_the_only(Awaited::Timer {
            seq: Seq(1),
            duration_ms: 86_400_000,
        });
        progress.states.push(waits.state(self.now));
        progress.next = next(waits);
        self.store().record(progress).await?;
        Ok(())
    }
}

fn for_the_only(call: Awaited) -> Waits {
    Waits {
        first: vec![call],
        count: 1,
        any: false,
    }
}

fn next(waits: Waits) -> Next {
    Next::Wait {
        awaited: vec![Seq(1)],
        count: 1,
        until: None,
        waits,
    }
}
