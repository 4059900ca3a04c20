//! What a worker says of the requests of its tasks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use serde::{Deserialize, Serialize};

use super::roots::{self, RootsError};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// The limits of one request of a task. A guest can set shorter times, and no longer ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpLimits {
    /// From the request until there is a connection: the name is looked up, and TLS agreed upon.
    pub connect_max: Duration,
    /// From the end of the request until the answer begins.
    pub first_byte_max: Duration,
    /// Between two parts of the answer, and between two parts that the server takes of the
    /// request.
    pub between_bytes_max: Duration,
    /// The body of a request, and of an answer, in bytes.
    pub body_max: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect_max: Duration::from_secs(30),
            first_byte_max: Duration::from_mins(5),
            between_bytes_max: Duration::from_mins(1),
            body_max: 4 << 30,
        }
    }
}

/// How a worker reaches servers.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    /// Whom it trusts, beside the authorities of the system.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// None: it uses no proxy.
    pub(super) proxies: Option<Arc<Matcher>>,
}

impl HttpConfig {
    /// With the proxies that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in
    /// either case.
    pub fn of_environment() -> Self {
        Self {
            authorities: Vec::new(),
            proxies: Some(Arc::new(Matcher::from_env())),
        }
    }

    /// Trusts the authorities of a file, too. Errs if it has none.
    pub fn with_authorities(mut self, file: &Path) -> Result<Self, RootsError> {
        self.authorities.extend(roots::of_file(file)?);
        Ok(self)
    }
}
