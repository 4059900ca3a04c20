//! The clients of a worker, each with the connections of one deployment.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;

use super::config::{HttpConfig, HttpLimits};
use super::connect::{Connector, Timed};
use super::outgoing::Outgoing;
use super::roots;
use crate::reach::Reach;
use model::{DeploymentName, Grants};

/// How long a connection stays open that nobody uses.
const IDLE: Duration = Duration::from_secs(15);

/// Connections to one server that stay open unused.
const IDLE_MAX: usize = 64;

/// The head of an answer is no more than this, in bytes, and as much is read at once.
pub(super) const HEAD_MAX: usize = 128 << 10;

/// Deployments whose clients are kept, and for how long unused.
const CLIENTS_MAX: u64 = 1000;
const KEPT_FOR: Duration = Duration::from_mins(5);

/// What one answer of HTTP/2 may have on its way that nobody has read, in bytes.
const WINDOW: u32 = 256 << 10;

pub(super) type Client = legacy::Client<Timed<HttpsConnector<Connector>>, Outgoing>;

/// Whose connections they are: nobody sends a request over those of another.
pub(crate) type Owner = (Option<DeploymentName>, Grants);

/// The clients of a worker.
pub(crate) struct Clients {
    config: HttpConfig,
    pub(super) limits: HttpLimits,
    /// Made at the first request: to read the authorities of the system takes milliseconds.
    tls: OnceLock<ClientConfig>,
    places: Arc<Semaphore>,
    by_owner: moka::future::Cache<Owner, Client>,
}

impl Clients {
    pub fn new(config: HttpConfig, limits: HttpLimits) -> Self {
        Self {
            config,
            limits,
            tls: OnceLock::new(),
            places: Arc::new(Semaphore::new(connections_max())),
            by_owner: moka::future::Cache::builder()
                .max_capacity(CLIENTS_MAX)
                .time_to_idle(KEPT_FOR)
                .build(),
        }
    }

    /// The client of a deployment under its grants.
    pub(super) async fn of(&self, owner: &Owner) -> Client {
        self.by_owner
            .get_with_by_ref(owner, async { self.client(&owner.1) })
            .await
    }

    fn client(&self, grants: &Grants) -> Client {
        let connector = Connector {
            reach: Arc::new(Reach::of(grants)),
            proxies: self.config.proxies.clone(),
            places: Arc::clone(&self.places),
            own_places: Arc::new(Semaphore::new((connections_max() / 4).max(4))),
        };
        let tls = self.tls.get_or_init(|| self.tls());
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        let connector = Timed {
            connector,
            max: self.limits.connect_max,
        };
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .http1_max_buf_size(HEAD_MAX)
            .http2_max_header_list_size(HEAD_MAX as u32)
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(2 * WINDOW)
            .build(connector)
    }

    fn tls(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has these versions")
            .with_root_certificates(roots::all(&self.config.authorities))
            .with_no_client_auth()
    }

    /// The proxy that requests for this URL go through.
    pub(super) fn proxy(&self, uri: &hyper::Uri) -> Option<Intercept> {
        let proxies: &Matcher = self.config.proxies.as_ref()?;
        proxies.intercept(uri)
    }
}

/// Connections leave descriptors to the host, and to the sockets of tasks.
fn connections_max() -> usize {
    const MOST: u64 = 4096;
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(MOST);
    usize::try_from((descriptors / 4).clamp(8, MOST)).unwrap_or(8)
}
