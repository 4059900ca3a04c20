//! Why the server cannot listen, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Files in PEM form.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("nothing can listen on `{host}`: {reason}")]
    BadHost { host: String, reason: io::Error },
    #[error("{address} is in use by another program")]
    Taken { address: SocketAddr },
    #[error("nothing can listen on {address}: {reason}")]
    Refused {
        address: SocketAddr,
        reason: io::Error,
    },
    /// Tokens would cross the network as plain text.
    #[error("{address} is open to the network, and nothing encrypts what is sent there")]
    Open { address: SocketAddr },
    #[error("the {what} `{path}` cannot be used: {reason}")]
    BadFile {
        what: &'static str,
        path: String,
        reason: String,
    },
    #[error("the certificate `{certificate}` does not fit the key `{key}`: {reason}")]
    Misfit {
        certificate: String,
        key: String,
        reason: String,
    },
}

impl ListenError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::BadHost { .. } => {
                "name a host or an address of this machine: `--host 127.0.0.1`".to_owned()
            }
            Self::Taken { address } => format!(
                "end it, or take another port: `--port {}`",
                address.port().wrapping_add(1).max(1024)
            ),
            Self::Refused { .. } => {
                "take an address of this machine and a port from 1024: `--host 127.0.0.1 --port 4200`"
                    .to_owned()
            }
            Self::Open { .. } => "encrypt it with `--tls-cert FILE --tls-key FILE`; or, behind a proxy that does, say its address: `--public-url https://..`".to_owned(),
            Self::BadFile { .. } => "it is a file in PEM form".to_owned(),
            Self::Misfit { .. } => {
                "they are made together: name the two of one pair, the server's certificate first in its file"
                    .to_owned()
            }
        }
    }
}
