//! What all executions of a worker share.

use std::sync::Arc;

use tokio::sync::watch;

use super::WorkerConfig;
use super::executing::Executing;
use super::heavy::Heavy;
use super::parking::Parking;
use super::signals::Signals;
use model::{Digest, FlowName, Timestamp};
use operations::blobs::Blobs;
use operations::start::Checkers;
use orchestrator::Parameters;
use orchestrator::flow::Signal;
use store::{Store, StoreError, StoreResult};
use wasm::{PrepareError, Prepared, Runtime};

pub(super) struct Shared {
    pub config: WorkerConfig,
    pub store: Arc<dyn Store>,
    pub blobs: Blobs,
    pub runtime: Arc<Runtime>,
    pub parking: Parking,
    pub signals: Signals,
    pub executing: Executing,
    pub heavy: Heavy,
    /// Changes whenever something may have settled.
    pub news: watch::Receiver<()>,
    checkers: Checkers,
}

impl Shared {
    pub fn new(
        config: WorkerConfig,
        store: Arc<dyn Store>,
        runtime: Arc<Runtime>,
        news: watch::Receiver<()>,
    ) -> Self {
        Self {
            blobs: Blobs::new(Arc::clone(&store), config.storage.clone()),
            config,
            store,
            runtime,
            parking: Parking::default(),
            signals: Signals::default(),
            executing: Executing::default(),
            heavy: Heavy::default(),
            news,
            checkers: Checkers::default(),
        }
    }

    /// The time of what is recorded now.
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// Tells the executions whose runs are to be paused or cancelled.
    pub async fn tell_signals(&self) -> StoreResult<()> {
        for (run, state) in self.store.orders(self.config.id).await? {
            self.signals.tell(run, Signal::of(state));
        }
        Ok(())
    }

    /// The component of this digest, ready to run.
    pub async fn prepare(&self, digest: Digest) -> Result<Arc<Prepared>, PrepareError> {
        let unreadable = |err: StoreError| PrepareError::Unreadable(err.to_string());
        let fetch = || async {
            let component = self.store.component(digest).await.map_err(unreadable)?;
            let bytes = self
                .store
                .component_bytes(digest)
                .await
                .map_err(unreadable)?;
            match (component, bytes) {
                (Some(component), Some(bytes)) => Ok((component.manifest, bytes)),
                _ => Err(PrepareError::Gone(digest)),
            }
        };
        self.runtime.prepare(digest, fetch).await
    }

    /// What the flow of a component asks for. Errs within with the reason if that cannot be
    /// checked.
    pub async fn parameters_of(
        &self,
        component: Digest,
        flow: &FlowName,
    ) -> StoreResult<Result<Arc<Parameters>, String>> {
        self.checkers.of(&*self.store, component, flow).await
    }
}
