//! Connections: where the server listens, TLS, and its graceful end.
//!
//! ```text
//! a socket: of its own, or from systemd --> accept --> TLS? --> HTTP/1 or 2 --> the router
//!                                             |          |           |
//!                                     so many at once  in time   heads in time
//! ```
//!
//! A client that says nothing, or says it slowly, costs a task and some kilobytes until its
//! time is over; it keeps nobody waiting. On the end no connection is accepted any more, what
//! is being answered is answered, and streams end where they can be resumed.

mod error;
mod serving;
mod tls;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;

pub use error::{ListenError, TlsFiles};

use crate::settings::{Origin, PublicUrl, Settings};

/// Where to listen, and how it is reached from elsewhere.
#[derive(Clone, Debug)]
pub struct Listen {
    /// A name or a number.
    pub host: String,
    pub port: u16,
    pub tls: Option<TlsFiles>,
    pub public_url: Option<PublicUrl>,
    pub cors_origins: Vec<Origin>,
}

/// A server that can be reached, and does not answer yet.
pub struct Listening {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    pub settings: Settings,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Listening {
    /// Takes the socket that systemd gave, or opens one.
    pub async fn new(listen: Listen) -> Result<Self, ListenError> {
        let tls = listen.tls.as_ref().map(tls::configuration).transpose()?;
        let is_encrypted = tls.is_some()
            || listen
                .public_url
                .as_ref()
                .is_some_and(|PublicUrl(url)| url.is_secure);
        let listener = match activated() {
            Some(listener) => listener,
            None => open(&listen, is_encrypted).await?,
        };
        let bound = local_address(&listener, &listen)?;
        check_open(bound, is_encrypted)?;
        Ok(Self {
            listener,
            settings: Settings {
                bound,
                host: listen.host,
                is_tls: tls.is_some(),
                public_url: listen.public_url,
                cors_origins: listen.cors_origins,
            },
            tls,
        })
    }
}

/// The first socket that systemd has opened for this process.
fn activated() -> Option<TcpListener> {
    let listener = ListenFd::from_env().take_tcp_listener(0).ok().flatten()?;
    listener.set_nonblocking(true).ok()?;
    TcpListener::from_std(listener).ok()
}

async fn open(listen: &Listen, is_encrypted: bool) -> Result<TcpListener, ListenError> {
    let bad_host = |reason| ListenError::BadHost {
        host: listen.host.clone(),
        reason,
    };
    let host = listen.host.trim_start_matches('[').trim_end_matches(']');
    let address = match host.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, listen.port),
        Err(_) => {
            let found = tokio::net::lookup_host((host, listen.port)).await;
            let none = || io::Error::from(io::ErrorKind::NotFound);
            let mut found = found.map_err(bad_host)?;
            found.next().ok_or_else(|| bad_host(none()))?
        }
    };
    check_open(address, is_encrypted)?;
    TcpListener::bind(address)
        .await
        .map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => ListenError::Taken { address },
            _ => ListenError::Refused { address, reason },
        })
}

fn local_address(listener: &TcpListener, listen: &Listen) -> Result<SocketAddr, ListenError> {
    listener
        .local_addr()
        .map_err(|reason| ListenError::BadHost {
            host: listen.host.clone(),
            reason,
        })
}

fn check_open(address: SocketAddr, is_encrypted: bool) -> Result<(), ListenError> {
    if address.ip().is_loopback() || is_encrypted {
        Ok(())
    } else {
        Err(ListenError::Open { address })
    }
}
