//! The connections to a database.

use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts,
};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::SqlState;

use crate::error::{Fault, Pg, reason};
use crate::link::{Link, silent};
use crate::sql::Reader;
use store::StoreError;

mod hosts;
mod options;
mod pooler;
mod tls;

pub(crate) use hosts::Made;
pub(crate) use options::SCHEMA;
pub use options::{Options, UrlError};

/// Connections of a process: one that writes, one that listens, and these that read.
const READERS: usize = 2;

/// Makes connections.
pub(crate) struct Connector {
    options: Options,
    pools: OnceLock<Pools>,
}

struct Pools {
    readers: Pool,
    writer: Pool,
    /// Something stands between, which keeps no sessions.
    is_pooled: bool,
}

impl Pools {
    fn new(options: &Options, is_pooled: bool) -> Result<Self, String> {
        let options = &if is_pooled {
            options.without_session()
        } else {
            options.clone()
        };
        let pool = |size| {
            let hosts = options.hosts()?;
            let recycling = ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            };
            let manager = Manager::from_connect(options.config().clone(), hosts, recycling);
            let timeouts = Timeouts {
                wait: Some(options.answer_within()),
                create: Some(options.connect_within()),
                recycle: None,
            };
            let pool = Pool::builder(manager).max_size(size).timeouts(timeouts);
            let pool = pool.runtime(Runtime::Tokio1).build();
            pool.map_err(|error| error.to_string())
        };
        Ok(Self {
            readers: pool(READERS)?,
            writer: pool(1)?,
            is_pooled,
        })
    }
}

impl Connector {
    /// Nothing is connected before [`Self::first`].
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            pools: OnceLock::new(),
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    fn pools(&self) -> Pg<&Pools> {
        let none = || StoreError::Unavailable("nothing is connected".to_owned());
        Ok(self.pools.get().ok_or_else(none)?)
    }

    pub(crate) async fn reader(&self) -> Pg<Reader> {
        self.taken(self.pools()?.readers.get().await)
    }

    pub(crate) async fn writer(&self) -> Pg<Reader> {
        self.taken(self.pools()?.writer.get().await)
    }

    fn taken(&self, taken: Result<Object, PoolError>) -> Pg<Reader> {
        match taken {
            Ok(object) => Ok(Reader(Link::new(object, self.options.answer_within()))),
            Err(PoolError::Timeout(what)) => Err(self.late(what)),
            Err(error) => Err(error.into()),
        }
    }

    /// A connection that was not there in time.
    fn late(&self, what: TimeoutType) -> Fault {
        silent(match what {
            TimeoutType::Create => self.options.connect_within(),
            // Those who have one wait for answers.
            TimeoutType::Wait | TimeoutType::Recycle => self.options.answer_within(),
        })
    }

    /// The first connection: what is wrong with the address is told apart here, once.
    pub(crate) async fn first(&self) -> Pg<Reader> {
        if self.pools.get().is_some() {
            return self.writer().await;
        }
        let pools = |is_pooled| {
            let pools = Pools::new(&self.options, is_pooled);
            pools.map_err(|reason| self.cannot_open(&reason))
        };
        let mut made = pools(false)?;
        let mut connected = made.writer.get().await;
        if let Err(PoolError::Backend(error)) = &connected
            && pooler::refuses_sessions(error)
        {
            made = pools(true)?;
            connected = made.writer.get().await;
        }
        let conn = match connected {
            Err(PoolError::Backend(error)) => return Err(self.cannot_connect(error)),
            Err(PoolError::Timeout(what)) => return Err(self.late(what)),
            Err(error) => return Err(self.cannot_open(&error.to_string()).into()),
            Ok(object) => Reader(Link::new(object, self.options.answer_within())),
        };
        made.is_pooled |= pooler::is_between(&conn, &self.options).await?;
        let _ = self.pools.set(made);
        Ok(conn)
    }

    fn cannot_connect(&self, error: tokio_postgres::Error) -> Fault {
        let is_ours = |code: &SqlState| {
            *code == SqlState::CANNOT_CONNECT_NOW || code.code().starts_with("53")
        };
        // A standby is not what was asked for, and may become so.
        let is_standby = self.options.config().get_target_session_attrs()
            != TargetSessionAttrs::Any
            && is_io(&error, &[ErrorKind::PermissionDenied]);
        let is_away = is_standby || is_io(&error, &OF_NETWORK);
        match error.code() {
            Some(code) if is_ours(code) => Fault::from(error),
            None if is_away => {
                let reason = format!("`{}`: {}", self.options, reason(&error));
                StoreError::Unavailable(reason).into()
            }
            _ => self.cannot_open(&reason(&error)).into(),
        }
    }

    /// Whether notifications can be heard: not through what keeps no sessions.
    pub(crate) fn can_listen(&self) -> bool {
        let is_pooled = self.pools.get().is_some_and(|it| it.is_pooled);
        self.options.listens_elsewhere() || !is_pooled
    }

    fn cannot_open(&self, reason: &str) -> StoreError {
        StoreError::CannotOpen {
            path: self.options.path(),
            reason: reason.to_owned(),
        }
    }

    /// Says that nothing is heard, where those who write do not notice it themselves.
    pub(crate) fn cannot_listen(&self, error: &StoreError) {
        if self.options.listens_elsewhere() {
            let place = self.options.listen();
            tracing::warn!(
                %error,
                "notifications cannot be heard at `{place}`: what others do is looked for each second"
            );
        } else {
            tracing::debug!(%error, "not listening");
        }
    }

    /// A connection outside of the pools, with what the server says without being asked.
    pub(crate) async fn listening(&self) -> Pg<Made> {
        let direct = self.options.listen();
        let hosts = direct.hosts();
        let hosts = hosts.map_err(|reason| self.cannot_open(&reason))?;
        let within = direct.connect_within();
        match tokio::time::timeout(within, hosts.connected()).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(silent(within)),
        }
    }
}

/// The server did not answer, or nobody listens there.
const OF_NETWORK: [ErrorKind; 7] = [
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::TimedOut,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::UnexpectedEof,
];

fn is_io(error: &tokio_postgres::Error, kinds: &[ErrorKind]) -> bool {
    let io = std::error::Error::source(error).and_then(|it| it.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| kinds.contains(&io.kind()))
}

/// Shared by all that connect.
pub(crate) type Shared = Arc<Connector>;
