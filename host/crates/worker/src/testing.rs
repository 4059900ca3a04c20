//! A worker's place in a real database, for tests of what is hard to bring about from outside.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;

use super::WorkerConfig;
use super::shared::Shared;
use model::{Lease, State, Timestamp};
use store::Workers as _;
use store::contract::Cast;
use store::contract::cast::at;
use store_sqlite::SqliteStore;
use wasm::{Runtime, RuntimeConfig};

pub(super) struct Place {
    pub shared: Arc<Shared>,
    cast: Cast<SqliteStore>,
    _home: TempDir,
}

impl Place {
    pub async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path().join("orch.db")).unwrap();
        let cast = Cast::on(store.clone()).await;
        let mut config = WorkerConfig::new("w1".to_owned(), None);
        config.id = cast.w1;
        config.heartbeat = Duration::from_millis(20);
        let runtime = Runtime::new(RuntimeConfig::default());
        let (_, news) = watch::channel(());
        let shared = Shared::new(config, Arc::new(store), runtime.unwrap(), news);
        Self {
            shared: Arc::new(shared),
            cast,
            _home: home,
        }
    }

    /// A run that the worker has begun, as far as the database knows.
    pub async fn running(&self) -> Lease {
        self.cast.running("etl").await
    }

    /// The same run under a new lease.
    pub async fn claimed_again(&self, lease: Lease) -> Lease {
        let unable = orchestrator::lifecycle::Why::Unable("a test".to_owned());
        let store = &self.cast.store;
        store.give_back(lease, unable, at(2)).await.unwrap();
        self.cast.claim_only(3).await.lease
    }

    /// When the worker last renewed its lease.
    pub async fn heartbeat(&self) -> Timestamp {
        let workers = self.cast.store.workers().await.unwrap();
        let worker = workers.into_iter().find(|worker| worker.id == self.cast.w1);
        worker.unwrap().heartbeat
    }

    pub async fn state(&self, lease: Lease) -> State {
        self.cast.run(lease.run).await.state
    }
}
