//! What all executions of a worker share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::WorkerConfig;
use super::parking::Parking;
use super::signals::Signals;
use model::{Digest, FlowName, Manifest, Timestamp};
use orchestrator::Parameters;
use store::{Missing, Store, StoreError, StoreResult};
use wasm::{PrepareError, Prepared, Runtime};

pub(super) struct Shared {
    pub config: WorkerConfig,
    pub store: Arc<dyn Store>,
    pub runtime: Arc<Runtime>,
    pub parking: Parking,
    pub signals: Signals,
    /// Changes whenever something may have settled.
    pub news: watch::Receiver<()>,
    /// Compiled schemas. A component never changes, so they are never out of date.
    schemas: Mutex<HashMap<(Digest, FlowName), Arc<Parameters>>>,
}

impl Shared {
    pub fn new(
        config: WorkerConfig,
        store: Arc<dyn Store>,
        runtime: Arc<Runtime>,
        news: watch::Receiver<()>,
    ) -> Self {
        Self {
            config,
            store,
            runtime,
            parking: Parking::default(),
            signals: Signals::default(),
            news,
            schemas: Mutex::default(),
        }
    }

    /// The time of what is recorded now.
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
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

    /// What the flow of a component asks for.
    pub async fn parameters_of(
        &self,
        component: Digest,
        flow: &FlowName,
    ) -> StoreResult<Arc<Parameters>> {
        let key = (component, flow.clone());
        if let Some(known) = self.lock_schemas().get(&key) {
            return Ok(Arc::clone(known));
        }
        let found = self.store.component(component).await?;
        let found = found.ok_or(StoreError::NotFound(Missing::Component(component)))?;
        let parameters = Arc::new(compile(&found.manifest, flow)?);
        self.lock_schemas().insert(key, Arc::clone(&parameters));
        Ok(parameters)
    }

    fn lock_schemas(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<(Digest, FlowName), Arc<Parameters>>> {
        self.schemas.lock().expect("no panic while looking up")
    }
}

fn compile(manifest: &Manifest, flow: &FlowName) -> StoreResult<Parameters> {
    let damaged = |what: String| StoreError::Damaged(what);
    let description = manifest
        .flow(flow.as_str())
        .ok_or_else(|| damaged(format!("a deployment's component has no flow `{flow}`")))?;
    Parameters::new(&description.schema.parameters).map_err(damaged)
}
