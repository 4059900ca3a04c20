//! A database as it is after a month of work: very many runs that are over, some that are not, a
//! run with very many tasks and one with a long log.
//!
//! ```text
//! 30 days ago                                                        now
//!   | runs of 50 deployments, the first of which has half of them     | 500 that are not over
//!   | 3 % have failed, crashed or were cancelled                      | 1 with 10,000 tasks
//!   | every 50th has a tag, one deployment had only 20 runs           | 1 with 100,000 lines
//! ```
//!
//! It is written by what workers ask of the store, only without executing anything, and with
//! times of the past.

use std::time::Duration;

use futures::future::try_join_all;
use model::{
    Answer, Call, Deployment, DeploymentName, Entry, Failure, FailureKind, InputId, Json, Lease,
    LogLevel, LogLine, LogSource, Outcome, PoolName, RunId, Seq, Settled, Settlement, State,
    TaskCall, TaskName, TaskOptions, TaskRun, TaskRunId, Timestamp, WorkPool, Worker, WorkerId,
};
use operations::FreshIds;
use store::{Claim, NewRun, Next, Progress, Store};

use crate::bed::Bed;

/// Where the runs are. No other worker takes runs of it.
const POOL: &str = "archive";

/// Runs that are created, claimed and ended together.
const BATCH: usize = 1000;

const DEPLOYMENTS: usize = 50;

/// Runs of the deployment that has few.
const RARE_RUNS: usize = 20;

/// Tasks and lines that one record has.
const PART: usize = 1000;

/// What such a database has.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Runs that are over.
    pub runs: usize,
    /// Runs that are not.
    pub unfinished: usize,
    /// Tasks of one run.
    pub tasks: usize,
    /// Lines in the log of another.
    pub lines: usize,
}

impl Shape {
    /// With so many runs that are over.
    pub fn of(runs: usize) -> Self {
        Self {
            runs,
            unfinished: 500,
            tasks: 10_000,
            lines: 100_000,
        }
    }
}

/// What is in it.
pub struct Archive {
    pub shape: Shape,
    pub now: Timestamp,
    pub pool: PoolName,
    /// That of half of the runs.
    pub common: DeploymentName,
    /// That of very few, which were long ago.
    pub rare: DeploymentName,
    /// A run of the middle of the time.
    pub middle: RunId,
    pub with_tasks: RunId,
    pub with_lines: RunId,
}

struct Filling<'a> {
    bed: &'a Bed,
    shape: Shape,
    now: Timestamp,
    pool: PoolName,
    worker: WorkerId,
    deployments: Vec<DeploymentName>,
}

/// Fills the database of a bed that has no worker of its own.
pub async fn fill(bed: &Bed, shape: Shape) -> anyhow::Result<Archive> {
    let filling = Filling::begin(bed, shape).await?;
    let mut middle = None;
    for begin in (0..shape.runs).step_by(BATCH) {
        let end = shape.runs.min(begin + BATCH);
        let runs = filling.finish(begin..end).await?;
        if middle.is_none() && end * 2 >= shape.runs {
            middle = runs.first().copied();
        }
    }
    let with_tasks = filling.with_tasks().await?;
    let with_lines = filling.with_lines().await?;
    filling.leave_some().await?;
    let nothing = || anyhow::anyhow!("an archive has runs");
    Ok(Archive {
        shape,
        now: filling.now,
        common: filling.deployments[0].clone(),
        rare: filling.deployments[DEPLOYMENTS - 1].clone(),
        pool: filling.pool,
        middle: middle.ok_or_else(nothing)?,
        with_tasks,
        with_lines,
    })
}

impl<'a> Filling<'a> {
    async fn begin(bed: &'a Bed, shape: Shape) -> anyhow::Result<Self> {
        let pool: PoolName = POOL.parse()?;
        let (store, now) = (&bed.store, bed.now());
        let made = WorkPool {
            name: pool.clone(),
            limit: None,
            paused: false,
            created: now,
        };
        store.create_pool(made).await?;
        let worker = WorkerId::new(&mut FreshIds);
        store
            .register_worker(Worker {
                id: worker,
                name: POOL.to_owned(),
                pool: Some(pool.clone()),
                limit: BATCH as u32,
                pid: std::process::id(),
                host: String::new(),
                started: now,
                heartbeat: now,
                lease_until: now.after(Duration::from_hours(24)),
            })
            .await?;
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
            shape,
            now,
            pool,
            worker,
            deployments: names,
        })
    }

    fn store(&self) -> &dyn Store {
        &*self.bed.store
    }

    /// When the n-th run was created.
    fn time_of(&self, n: usize) -> Timestamp {
        let span = Duration::from_hours(24 * 30).as_micros() as f64;
        let ago = span * (self.shape.runs - n) as f64 / self.shape.runs as f64;
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
            work_queue: None,
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
    async fn begun(&self) -> anyhow::Result<Lease> {
        self.create(vec![self.new_run(1, self.now)?]).await?;
        let lease = self.claim(1, self.now).await?[0];
        let mut progress = Progress::new(lease);
        progress.states.push(State::running(1, self.now));
        self.store().record(progress).await?;
        Ok(lease)
    }

    async fn finish(&self, which: std::ops::Range<usize>) -> anyhow::Result<Vec<RunId>> {
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

    /// A run that waits for the last of very many tasks.
    async fn with_tasks(&self) -> anyhow::Result<RunId> {
        let lease = self.begun().await?;
        for begin in (0..self.shape.tasks).step_by(PART) {
            let part = begin..self.shape.tasks.min(begin + PART);
            let mut progress = Progress::new(lease);
            for n in part {
                let (entry, settled, task_run) = self.task(lease.run, n)?;
                progress.entries.push(entry);
                progress.settled.push(settled);
                progress.task_runs.push(task_run);
            }
            self.store().record(progress).await?;
        }
        Ok(lease.run)
    }

    fn task(&self, run: RunId, n: usize) -> anyhow::Result<(Entry, Settled, TaskRun)> {
        let name: TaskName = ["extract", "load", "check"][n % 3].parse()?;
        let seq = Seq(n as u64 + 1);
        let call = TaskCall {
            task: name.clone(),
            arguments: Vec::new(),
            wait_for: Vec::new(),
            options: TaskOptions::default(),
            scope: None,
        };
        let ended = self.now.after(Duration::from_millis(n as u64));
        let outcome: Outcome = match n % 500 {
            499 => Err(Failure::new(FailureKind::Error, "the host did not answer")),
            _ => Ok(Json::parse("4711")?),
        };
        let entry = Entry {
            seq,
            call: Call::Task(call),
            answer: Answer::Accepted,
            at: self.now,
            settled: None,
            identity: None,
        };
        let task_run = TaskRun {
            id: TaskRunId::new(&mut FreshIds),
            flow_run: run,
            journal: run,
            seq,
            name: format!("{name}-{n}"),
            task: name,
            tags: Vec::new(),
            attempt: 1,
            retry_at: None,
            history: vec![State::running(1, self.now), State::ended(&outcome, ended)],
        };
        let settled = Settled {
            seq,
            at: ended,
            settlement: Settlement::Task(outcome),
        };
        Ok((entry, settled, task_run))
    }

    async fn with_lines(&self) -> anyhow::Result<RunId> {
        let lease = self.begun().await?;
        let line = |n: usize| LogLine {
            run: lease.run,
            source: LogSource::Flow,
            at: self.now.after(Duration::from_millis(n as u64)),
            level: match n % 100 {
                0 => LogLevel::Warn,
                1..40 => LogLevel::Debug,
                _ => LogLevel::Info,
            },
            target: "etl::load".to_owned(),
            message: format!("loaded part {n} of the orders of yesterday, 17 rows were skipped"),
        };
        for begin in (0..self.shape.lines).step_by(PART) {
            let part = begin..self.shape.lines.min(begin + PART);
            let mut progress = Progress::new(lease);
            progress.logged = part.len() as u64;
            progress.logs = part.map(line).collect();
            self.store().record(progress).await?;
        }
        Ok(lease.run)
    }

    /// Runs that are not over: some are executed, some wait, a few for input, most for a worker.
    async fn leave_some(&self) -> anyhow::Result<()> {
        let many = self.shape.unfinished;
        for n in 0..many / 10 {
            let lease = self.begun().await?;
            match n % 5 {
                0 => self.suspend(lease).await?,
                1 | 2 => self.wait(lease).await?,
                _ => {}
            }
        }
        let left = many - many / 10;
        let ago = |n: usize| self.now.before(Duration::from_secs(n as u64));
        let new = (0..left).map(|n| self.new_run(n * 2 + 1, ago(n)));
        self.create(new.collect::<anyhow::Result<_>>()?).await?;
        Ok(())
    }

    async fn suspend(&self, lease: Lease) -> anyhow::Result<()> {
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
        progress
            .states
            .push(State::suspended(["approval"], self.now));
        progress.next = waits();
        self.store().record(progress).await?;
        Ok(())
    }

    async fn wait(&self, lease: Lease) -> anyhow::Result<()> {
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
        progress.states.push(State::waiting(self.now));
        progress.next = waits();
        self.store().record(progress).await?;
        Ok(())
    }
}

/// For the only call.
fn waits() -> Next {
    Next::Wait {
        awaited: vec![Seq(1)],
        count: 1,
        until: None,
    }
}
