//! What the tasks of a deployment may reach, and how people write it.
//!
//! Grants are stored as they were written, so that one of an earlier version which means nothing
//! any more grants nothing, and its deployment can still be read.

mod local;
mod network;

pub use local::{DirGrant, EnvGrant, SecretGrant};
pub use network::{HostPattern, HttpGrant, HttpScheme, TcpGrant, is_private};

use serde::{Deserialize, Serialize};

use crate::NameError;

/// What the tasks of a deployment may reach. Nothing by default. A flow never reaches
/// anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grants {
    /// Where tasks may send HTTP requests: see [`HttpGrant`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
    /// Where tasks may open TCP connections: see [`TcpGrant`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<String>,
    /// Whether a granted name may lead into the own network: see [`is_private`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Variables of the environment: see [`EnvGrant`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Directories: see [`DirGrant`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dirs: Vec<String>,
    /// Whether each attempt has an empty directory of its own at `/tmp`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tmp: bool,
    /// Secrets that tasks may ask for: see [`SecretGrant`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl Grants {
    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        let Self {
            http,
            tcp,
            private: _,
            env,
            dirs,
            tmp,
            secrets,
        } = self;
        let lists = [http, tcp, env, dirs, secrets];
        lists.iter().all(|list| list.is_empty()) && !tmp
    }
}

/// Why a text is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("it is empty")]
    Empty,
    #[error("it is a host, not a URL: write `{0}`")]
    Url(String),
    #[error("`{0}` is no scheme of HTTP: it is `http` or `https`")]
    Scheme(String),
    #[error("`{0}` is no name of a host: it has letters, digits, `-` and `.`")]
    Name(String),
    #[error("`{0}` has a `*` in the wrong place: write `*.example.com`, or `*` for any host")]
    Pattern(String),
    #[error("`{0}` is no port: it is a number from 1 to 65535")]
    Port(String),
    #[error("it has no port: write `{0}:PORT`")]
    NoPort(String),
    #[error(
        "`{0}` is no name of a variable: it has letters, digits and `_`, and begins with no digit"
    )]
    Variable(String),
    #[error("{0}")]
    Secret(NameError),
    #[error("its value has {0} bytes, and a value at most {max}", max = local::VALUE_MAX)]
    ValueTooLong(usize),
    #[error("its value has a byte 0")]
    ValueWithZero,
    #[error("it names no directory of the task: write `{0}:/data`, or `{0}:/data:ro`")]
    NoGuestPath(String),
    #[error("`{0}` is where the task sees it, and so begins with `/`; only `ro` may follow it")]
    RelativeGuestPath(String),
    #[error("`{0}` is on the machine of the worker, and so begins with `/`")]
    RelativeHostPath(String),
    #[error("`{0}` has a part `..` or `.`, or an empty one")]
    UnclearPath(String),
    #[error("`/` cannot be the place of a directory: name one below it")]
    Root,
}
