//! What every part of the server is given.

use std::ops::Deref;
use std::sync::Arc;

use model::{Timestamp, WorkerUsage};
use operations::client::Client;
use operations::stream::Hub;
use store::Store;
use tokio::sync::{Mutex, watch};

use crate::auth::Limits;
use crate::metrics::Metrics;
use crate::settings::Settings;

/// What every part of the server is given. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    /// Everything that is asked goes here.
    pub client: Arc<dyn Client>,
    /// For who is there, and for streams.
    pub store: Arc<dyn Store>,
    /// The events of the store, for streams.
    pub hub: Arc<Hub>,
    pub settings: Settings,
    pub limits: Limits,
    pub metrics: Metrics,
    /// What the worker in this process uses, if there is one.
    pub usage: Option<Arc<dyn Fn() -> WorkerUsage + Send + Sync>>,
    /// Held from looking at a version to changing it.
    pub edits: Mutex<()>,
    stopping: watch::Sender<bool>,
}

impl App {
    pub fn new(
        client: Arc<dyn Client>,
        store: Arc<dyn Store>,
        settings: Settings,
        usage: Option<Arc<dyn Fn() -> WorkerUsage + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Parts {
            client,
            hub: Hub::new(Arc::clone(&store)),
            store,
            settings,
            limits: Limits::default(),
            metrics: Metrics::default(),
            usage,
            edits: Mutex::new(()),
            stopping: watch::Sender::new(false),
        }))
    }

    /// The time, by the clock of all that is stored.
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// Tells streams to end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns once the server stops.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        async move {
            // The sender lives as long as the server.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
        }
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
