//! What the workloads run on: a home with a database and the deployed component, and perhaps
//! a worker in this process.

use std::any::Any;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use blobs::{Storage, StorageUrl};
use model::{
    Component, Deployment, Digest, FlowRun, Grants, Json, Outcome, PoolName, RunId, StateType,
    Timestamp, WorkPool, Worker, WorkerId,
};
use operations::FreshIds;
use orchestrator::{Start, new_run};
use serde_json::json;
use store::{Listener, NewRun, Store, StoreResult, Topic};
use tokio::task::JoinHandle;
use wasm::{Runtime, RuntimeConfig};
use worker::{Shutdown, ShutdownHandle, Urgency, WorkerConfig, WorkerError, register, serve};

/// Runs executed at once by a worker in this process.
const RUNS_MAX: u32 = 200;

/// Runs created by one transaction.
const BATCH: usize = 1000;

/// A pool without workers: its runs wait until the bench cancels them.
const GATES: &str = "gates";

/// Opens a new database: at the path, or elsewhere.
pub type Open = dyn Fn(&Path) -> StoreResult<Opened>;

/// A database to measure with.
pub struct Opened {
    pub store: Arc<dyn Store>,
    /// Its address, for other processes, if it is not at the path.
    pub url: Option<String>,
    /// What lives as long as it is used.
    pub keep: Option<Box<dyn Any + Send + Sync>>,
}

pub struct Bed {
    /// `ORCH_HOME` of the processes that belong to it.
    pub dir: PathBuf,
    pub store: Arc<dyn Store>,
    /// The address of the database, if it is not in the directory.
    pub url: Option<String>,
    keep: Option<Box<dyn Any + Send + Sync>>,
    deployments: Vec<Deployment>,
    /// Keeps the doorbell of this process open: to open one for each measured run would be
    /// measured, too.
    _listening: Box<dyn Listener>,
    here: Option<Here>,
}

/// The worker in this process.
struct Here {
    tell: ShutdownHandle,
    serving: JoinHandle<Result<u64, WorkerError>>,
}

impl Bed {
    /// Without a worker. The tasks of all flows have these grants.
    pub async fn lay(
        dir: PathBuf,
        open: &Open,
        component: &[u8],
        grants: Grants,
    ) -> anyhow::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&dir)?;
        let Opened { store, url, keep } = open(&dir.join("orch.db"))?;
        let pool = WorkPool {
            name: gates()?,
            limit: None,
            paused: false,
            created: store.clock().now(),
        };
        store.create_pool(pool).await?;
        let runtime = runtime(&dir)?;
        let deployments = deploy(&*store, &runtime, component.to_vec(), &grants).await?;
        Ok(Self {
            dir,
            _listening: store.listen(Topic::Change)?,
            store,
            url,
            keep,
            deployments,
            here: None,
        })
    }

    /// Starts a worker in this process.
    pub async fn work_here(mut self) -> anyhow::Result<Self> {
        let (tell, shutdown) = Shutdown::new();
        let mut config = WorkerConfig::new("bench".to_owned(), Some(PoolName::default_pool()));
        config.runs_max = RUNS_MAX;
        let storage = StorageUrl::Directory(self.dir.join("blobs"));
        config.storage = Some(Storage::open(&storage)?);
        let (store, runtime) = (Arc::clone(&self.store), runtime(&self.dir)?);
        let worker = register(config, &*store, &runtime).await?;
        let serving = tokio::spawn(serve(worker, store, runtime, shutdown));
        self.here = Some(Here { tell, serving });
        Ok(self)
    }

    /// Stops what works in this process, and removes everything.
    pub async fn clear(self) -> anyhow::Result<()> {
        if let Some(here) = self.here {
            here.tell.tell(Urgency::Stop);
            here.serving.await??;
        }
        drop((self.store, self.keep));
        Ok(std::fs::remove_dir_all(&self.dir)?)
    }

    /// An engine beside the one of the worker.
    pub fn runtime(&self) -> anyhow::Result<Arc<Runtime>> {
        runtime(&self.dir)
    }

    /// What was deployed, and its bytes.
    pub async fn component(&self) -> anyhow::Result<(Component, Vec<u8>)> {
        let gone = || anyhow::anyhow!("the measured component is gone");
        let digest = self.deployments.first().ok_or_else(gone)?.component;
        let component = self.store.component(digest).await?.ok_or_else(gone)?;
        let bytes = self.store.component_bytes(digest).await?.ok_or_else(gone)?;
        Ok((component, bytes))
    }

    /// A run of a flow, not created yet.
    pub fn new_run(&self, flow: &str, parameters: &str) -> anyhow::Result<NewRun> {
        let deployment = self
            .deployments
            .iter()
            .find(|deployment| deployment.name.flow.as_str() == flow)
            .ok_or_else(|| anyhow::anyhow!("the component has no flow `{flow}`"))?;
        let now = self.now();
        let start = Start::now(&mut FreshIds, Json::parse(parameters)?, now);
        Ok(NewRun {
            run: new_run(deployment, start, now),
            idempotency_key: None,
            instead_of: None,
            reserved_for: None,
        })
    }

    /// Creates runs that are alike, a batch at a time. The last one.
    pub async fn create_many(
        &self,
        count: usize,
        new: impl Fn(usize) -> anyhow::Result<NewRun>,
    ) -> anyhow::Result<Option<RunId>> {
        let mut last = None;
        for begin in (0..count).step_by(BATCH) {
            let batch = (begin..count.min(begin + BATCH)).map(&new);
            let batch = batch.collect::<anyhow::Result<Vec<_>>>()?;
            last = batch.last().map(|new| new.run.id);
            self.store.create_runs(batch).await?;
        }
        Ok(last)
    }

    /// A run of `waiting`, which does `tasks` trivial tasks and then waits at these gates.
    pub fn waiting_run(&self, tasks: usize, gates: &[RunId]) -> anyhow::Result<NewRun> {
        let gates: Vec<String> = gates.iter().map(RunId::to_string).collect();
        let parameters = json!({"n": tasks, "gates": gates});
        self.new_run("waiting", &parameters.to_string())
    }

    /// Something to wait for, until it is opened: runs that no worker executes.
    pub async fn gates(&self, count: usize) -> anyhow::Result<Vec<RunId>> {
        let mut runs = Vec::with_capacity(count);
        for _ in 0..count {
            let mut new = self.new_run("empty", "{}")?;
            new.run.pool = Some(gates()?);
            runs.push(new);
        }
        let ids = runs.iter().map(|new| new.run.id).collect();
        self.store.create_runs(runs).await?;
        Ok(ids)
    }

    /// A new pool, and a worker of it that nobody is: what it does is asked of the store, for a day
    /// at most.
    pub async fn staff(&self, pool: &PoolName, limit: u32) -> anyhow::Result<WorkerId> {
        let (store, now) = (&self.store, self.now());
        let made = WorkPool {
            name: pool.clone(),
            limit: None,
            paused: false,
            created: now,
        };
        store.create_pool(made).await?;
        let id = WorkerId::new(&mut FreshIds);
        let worker = Worker {
            id,
            name: pool.to_string(),
            pool: Some(pool.clone()),
            limit,
            pid: std::process::id(),
            host: String::new(),
            version: None,
            usage: None,
            started: now,
            heartbeat: now,
            lease_until: now.after(Duration::from_hours(24)),
        };
        store.register_worker(worker).await?;
        Ok(id)
    }

    /// The time, by the clock of the store.
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    pub async fn open(&self, gate: RunId) -> anyhow::Result<()> {
        self.store.cancel(gate, self.now()).await?;
        Ok(())
    }

    /// Creates one run and waits until it has completed. How long that took.
    pub async fn run_one(&self, flow: &str, parameters: &str) -> anyhow::Result<Duration> {
        Ok(self.run_to_end(flow, parameters).await?.1)
    }

    /// The same, with the run.
    pub async fn run_to_end(
        &self,
        flow: &str,
        parameters: &str,
    ) -> anyhow::Result<(RunId, Duration)> {
        let new = self.new_run(flow, parameters)?;
        let id = new.run.id;
        let mut listener = self.store.listen(Topic::Change)?;
        let begin = Instant::now();
        self.store.create_runs(vec![new]).await?;
        loop {
            if let Some(outcome) = self.read(id).await?.outcome {
                completed(&outcome)?;
                return Ok((id, begin.elapsed()));
            }
            listener.heard().await;
        }
    }

    /// Returns once the run is as wished.
    pub async fn until(&self, id: RunId, is: impl Fn(&FlowRun) -> bool) -> anyhow::Result<FlowRun> {
        let mut listener = self.store.listen(Topic::Change)?;
        loop {
            let run = self.read(id).await?;
            if is(&run) {
                return Ok(run);
            }
            if let Some(outcome) = &run.outcome {
                completed(outcome)?;
                anyhow::bail!("the flow run {id} has completed too early");
            }
            listener.heard().await;
        }
    }

    /// Returns once the run is over, however it ended.
    pub async fn until_over(&self, id: RunId) -> anyhow::Result<()> {
        let mut listener = self.store.listen(Topic::Change)?;
        while self.read(id).await?.outcome.is_none() {
            listener.heard().await;
        }
        Ok(())
    }

    /// When the run entered a state of this kind for the `nth` time, from 1; waits for that.
    pub async fn entered(
        &self,
        id: RunId,
        kind: StateType,
        nth: usize,
    ) -> anyhow::Result<Timestamp> {
        let mut listener = self.store.listen(Topic::Change)?;
        loop {
            let history = self.store.history(id).await?;
            let states = history.iter().map(|line| &line.state);
            let mut entered = states.filter(|state| state.kind == kind);
            if let Some(state) = entered.nth(nth - 1) {
                return Ok(state.at);
            }
            if let Some(outcome) = self.read(id).await?.outcome {
                completed(&outcome)?;
            }
            listener.heard().await;
        }
    }

    /// Returns once nothing in the pool is under way or could be.
    pub async fn idle(&self) -> anyhow::Result<()> {
        self.at_most(0).await
    }

    /// Returns once so few runs of the pool are under way or could be.
    pub async fn at_most(&self, count: u64) -> anyhow::Result<()> {
        loop {
            let pool = self.store.pool(&PoolName::default_pool()).await?;
            match pool {
                Some(pool) if pool.active + pool.ready > count => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Errs unless the run has completed.
    pub async fn check(&self, id: RunId) -> anyhow::Result<()> {
        match self.read(id).await?.outcome {
            Some(outcome) => completed(&outcome),
            None => anyhow::bail!("the flow run {id} has not ended"),
        }
    }

    pub async fn read(&self, id: RunId) -> anyhow::Result<FlowRun> {
        let run = self.store.flow_run(id).await?;
        run.ok_or_else(|| anyhow::anyhow!("the flow run {id} is gone"))
    }
}

fn gates() -> anyhow::Result<PoolName> {
    Ok(GATES.parse()?)
}

fn runtime(dir: &Path) -> anyhow::Result<Arc<Runtime>> {
    Runtime::new(RuntimeConfig {
        cache_dir: Some(dir.join("cache")),
        flows_max: RUNS_MAX * 3,
        ..RuntimeConfig::default()
    })
}

fn completed(outcome: &Outcome) -> anyhow::Result<()> {
    match outcome {
        Ok(_) => Ok(()),
        Err(failure) => anyhow::bail!("a measured flow run failed: {failure}"),
    }
}

async fn deploy(
    store: &dyn Store,
    runtime: &Runtime,
    bytes: Vec<u8>,
    grants: &Grants,
) -> anyhow::Result<Vec<Deployment>> {
    let manifest = runtime.describe(&bytes).await?;
    let digest = Digest::of(&bytes);
    let now = store.clock().now();
    let component = Component {
        digest,
        manifest: manifest.clone(),
        size: bytes.len() as u64,
        created: now,
    };
    store.put_component(component, bytes).await?;
    let deployments: Vec<Deployment> = manifest
        .flows
        .iter()
        .map(|flow| Deployment {
            grants: grants.clone(),
            ..Deployment::plain(&flow.name, digest, now)
        })
        .collect();
    store.deploy(deployments.clone()).await?;
    Ok(deployments)
}
