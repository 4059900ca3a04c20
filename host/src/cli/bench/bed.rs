//! What the workloads run on: a database, a worker and the deployed component.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::cli::place::Place;
use crate::model::{
    Component, Deployment, DeploymentName, Digest, FlowRun, Grants, Json, Outcome, PoolName, RunId,
};
use crate::orchestrator::{Start, new_run};
use crate::store::sqlite::SqliteStore;
use crate::store::{Listener, NewRun, Store, Topic};
use crate::wasm::{Runtime, RuntimeConfig};
use crate::worker::{Shutdown, ShutdownHandle, Urgency, WorkerConfig, WorkerError, now, serve};

/// Runs executed at once.
const RUNS_MAX: u32 = 200;

pub struct Bed {
    dir: PathBuf,
    store: Arc<SqliteStore>,
    deployments: Vec<Deployment>,
    tell: ShutdownHandle,
    serving: JoinHandle<Result<u64, WorkerError>>,
}

impl Bed {
    pub async fn lay(place: &Place, component: Vec<u8>) -> anyhow::Result<Self> {
        // Beside the real one: the same disk, the same fsync.
        let parent = place.database.parent().unwrap_or(&place.database);
        let dir = parent.join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let store = Arc::new(SqliteStore::open(dir.join("bench.db"))?);
        let runtime = Runtime::new(RuntimeConfig {
            flows_max: RUNS_MAX * 3,
            ..RuntimeConfig::default()
        })?;
        let deployments = deploy(&store, &runtime, component).await?;
        let (tell, shutdown) = Shutdown::new();
        let mut config = WorkerConfig::new("bench".to_owned(), Some(PoolName::default_pool()));
        config.runs_max = RUNS_MAX;
        let serving = tokio::spawn(serve(config, Arc::clone(&store), runtime, shutdown));
        Ok(Self {
            dir,
            store,
            deployments,
            tell,
            serving,
        })
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        self.tell.tell(Urgency::Stop);
        self.serving.await??;
        drop(self.store);
        Ok(std::fs::remove_dir_all(&self.dir)?)
    }

    /// A run of a flow, not created yet.
    pub fn new_run(&self, flow: &str, parameters: &str) -> anyhow::Result<NewRun> {
        let deployment = self
            .deployments
            .iter()
            .find(|deployment| deployment.name.flow.as_str() == flow)
            .ok_or_else(|| anyhow::anyhow!("the component has no flow `{flow}`"))?;
        let now = now();
        let start = Start::now(Json::parse(parameters)?, now);
        Ok(NewRun {
            run: new_run(deployment, start, now),
            idempotency_key: None,
            reserved_for: None,
        })
    }

    pub async fn create(&self, runs: Vec<NewRun>) -> anyhow::Result<()> {
        self.store.create_runs(runs).await?;
        Ok(())
    }

    /// Creates one run and waits until it has completed. How long that took.
    pub async fn run_one(&self, flow: &str, parameters: &str) -> anyhow::Result<Duration> {
        let new = self.new_run(flow, parameters)?;
        let id = new.run.id;
        let mut listener = self.store.listen(Topic::Change)?;
        let begin = Instant::now();
        self.store.create_runs(vec![new]).await?;
        loop {
            if let Some(outcome) = self.read(id).await?.outcome {
                completed(&outcome)?;
                return Ok(begin.elapsed());
            }
            listener.heard().await;
        }
    }

    /// Returns once nothing in the pool is under way or could be.
    pub async fn idle(&self) -> anyhow::Result<()> {
        loop {
            let pool = self.store.pool(&PoolName::default_pool()).await?;
            match pool {
                Some(pool) if pool.active + pool.ready > 0 => {
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

    async fn read(&self, id: RunId) -> anyhow::Result<FlowRun> {
        let run = self.store.flow_run(id).await?;
        run.ok_or_else(|| anyhow::anyhow!("the flow run {id} is gone"))
    }
}

fn completed(outcome: &Outcome) -> anyhow::Result<()> {
    match outcome {
        Ok(_) => Ok(()),
        Err(failure) => anyhow::bail!("a measured flow run failed: {failure}"),
    }
}

async fn deploy(
    store: &SqliteStore,
    runtime: &Runtime,
    bytes: Vec<u8>,
) -> anyhow::Result<Vec<Deployment>> {
    let manifest = runtime.describe(&bytes).await?;
    let digest = Digest::of(&bytes);
    let now = now();
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
            name: DeploymentName::default_for(&flow.name),
            component: digest,
            pool: PoolName::default_pool(),
            parameters: Json::empty_object(),
            tags: Vec::new(),
            grants: Grants::default(),
            description: None,
            created: now,
            updated: now,
        })
        .collect();
    store.deploy(deployments.clone()).await?;
    Ok(deployments)
}
