//! Where the database is, and the connections to it.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Fault, Pg, reason};
use crate::link::{Link, silent};
use crate::sql::Reader;
use store::StoreError;

mod pooler;
mod tls;

pub(crate) use tls::TlsMode;

/// Where the tables are.
pub(crate) const SCHEMA: &str = "orch_host";

/// Connections of a process: one that writes, one that listens, and these that read.
const READERS: usize = 2;

/// How long to wait for a connection, from the first try on.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server that is heard no more counts as slow, before it counts as gone. A machine that
/// loses its power, or a link that goes down, closes no connection: without this, whoever waits for
/// an answer would do so for the quarter of an hour that the kernel allows.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// After how much silence the server's machine is asked whether it is there, and then how often.
const PROBE: Duration = Duration::from_secs(5);

/// How long an answer of the server is waited for, unless the address says otherwise. Less than a
/// worker's lease, and long enough for a component of some megabytes over a slow line.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What the driver takes where the address says nothing.
const KEEPALIVES_IDLE_DEFAULT: Duration = Duration::from_hours(2);

/// Where the database is, and how to speak to it.
#[derive(Clone)]
pub struct Options {
    config: Config,
    tls: TlsMode,
    /// How long an answer is waited for.
    answer_within: Duration,
    /// Without the password.
    shown: String,
    /// As it was given.
    url: String,
    /// Where notifications are heard, if that is elsewhere.
    listen: Option<Box<Self>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Why a text is not the address of a database. Never has a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError(String);

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UrlError {}

impl FromStr for Options {
    type Err = UrlError;

    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let mut rest = Vec::new();
        let (mut mode, mut root) = (None, None);
        let mut answer_within = ANSWER_WITHIN;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => root = Some(value),
                Some(("answer_timeout", value)) => answer_within = seconds(value)?,
                _ => rest.push(pair),
            }
        }
        let tls = TlsMode::of(mode, root).map_err(UrlError)?;
        let plain = match rest.as_slice() {
            [] => address.to_owned(),
            rest => format!("{address}?{}", rest.join("&")),
        };
        let mut config: Config = plain
            .parse()
            .map_err(|error: tokio_postgres::Error| UrlError(reason(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(UrlError("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(UrlError(
                "it names no database: write `postgres://HOST/DATABASE`".to_owned(),
            ));
        }
        config.ssl_mode(match tls {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::Verify(_) => SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        if config.get_keepalives_idle() == KEEPALIVES_IDLE_DEFAULT {
            config.keepalives_idle(PROBE).keepalives_interval(PROBE);
        }
        if config.get_application_name().is_none() {
            config.application_name("orch-host");
        }
        config.options(session());
        Ok(Self {
            shown: shown(&config),
            url: text.to_owned(),
            config,
            tls,
            listen: None,
            answer_within,
        })
    }
}

fn seconds(text: &str) -> Result<Duration, UrlError> {
    match text.parse() {
        Ok(seconds @ 1_u32..) => Ok(Duration::from_secs(seconds.into())),
        _ => Err(UrlError(format!(
            "`{text}` is no answer_timeout: give seconds, as in `answer_timeout=20`"
        ))),
    }
}

/// What holds for our sessions, whatever the server or the database says for others.
///
/// The server, too, has to notice that a machine is gone: a transaction that is never ended would
/// hold its rows, and hold back all events, for the two hours after which the server asks by itself.
fn session() -> String {
    let (silence, probe) = (SILENCE_MAX.as_secs(), PROBE.as_secs());
    format!(
        // Whatever others put on the search path, our names mean our tables.
        "-c search_path={SCHEMA} -c idle_in_transaction_session_timeout={silence}s \
         -c tcp_user_timeout={silence}s -c tcp_keepalives_idle={probe} \
         -c tcp_keepalives_interval={probe} -c tcp_keepalives_count=2"
    )
}

fn shown(config: &Config) -> String {
    let user = config
        .get_user()
        .map_or(String::new(), |user| format!("{user}@"));
    let ports = config.get_ports();
    let host = |(at, host): (usize, &Host)| {
        let name = match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let port = ports.get(at).or(ports.first());
        match port {
            Some(port) => format!("{name}:{port}"),
            None => name,
        }
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{user}{}/{database}", hosts.join(","))
}

impl Options {
    /// The address as it was given, with the password: for another process.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same database, whose notifications are heard there: without what stands between.
    pub fn listening_at(self, direct: Self) -> Self {
        Self {
            listen: Some(Box::new(direct)),
            ..self
        }
    }

    /// The same server with another database.
    pub(crate) fn with_database(&self, name: &str) -> Result<Self, UrlError> {
        let (address, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let place = address.rsplit_once('/').map_or(address, |(place, _)| place);
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        format!("{place}/{name}{query}").parse()
    }

    /// How long a connection may take to be made. The limit of the address is for each of its hosts,
    /// and ends when the host is reached: one that stands still is reached, and says nothing.
    fn connect_within(&self) -> Duration {
        let each = self.config.get_connect_timeout().copied();
        let hosts = self.config.get_hosts().len().max(1) as u32;
        each.unwrap_or(CONNECT_TIMEOUT) * hosts
    }

    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(&self.shown)
    }
}

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
        let mut config = options.config.clone();
        if is_pooled {
            config.options("");
        }
        let pool = |size| {
            let tls = options.tls.connector()?;
            let recycling = ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            };
            let manager = Manager::from_config(config.clone(), tls, recycling);
            let timeouts = Timeouts {
                wait: Some(options.answer_within),
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
            Ok(object) => Ok(Reader(Link::new(object, self.options.answer_within))),
            Err(PoolError::Timeout(what)) => Err(self.late(what)),
            Err(error) => Err(error.into()),
        }
    }

    /// A connection that was not there in time.
    fn late(&self, what: TimeoutType) -> Fault {
        silent(match what {
            TimeoutType::Create => self.options.connect_within(),
            // Those who have one wait for answers.
            TimeoutType::Wait | TimeoutType::Recycle => self.options.answer_within,
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
            Ok(object) => Reader(Link::new(object, self.options.answer_within)),
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
        let is_standby = self.options.config.get_target_session_attrs() != TargetSessionAttrs::Any
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
        self.options.listen.is_some() || !is_pooled
    }

    fn cannot_open(&self, reason: &str) -> StoreError {
        StoreError::CannotOpen {
            path: self.options.path(),
            reason: reason.to_owned(),
        }
    }

    /// Says that nothing is heard, where those who write do not notice it themselves.
    pub(crate) fn cannot_listen(&self, error: &StoreError) {
        match &self.options.listen {
            Some(listen) => tracing::warn!(
                %error,
                "notifications cannot be heard at `{listen}`: what others do is looked for each second"
            ),
            None => tracing::debug!(%error, "not listening"),
        }
    }

    /// A connection outside of the pools, with what the server says without being asked.
    pub(crate) async fn listening(
        &self,
    ) -> Pg<
        (
            tokio_postgres::Client,
            tokio_postgres::Connection<
                tokio_postgres::Socket,
                <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<
                    tokio_postgres::Socket,
                >>::Stream,
            >,
        ),
    > {
        let direct = self.options.listen.as_deref().unwrap_or(&self.options);
        let tls = direct.tls.connector();
        let tls = tls.map_err(|reason| self.cannot_open(&reason))?;
        let within = direct.connect_within();
        let connecting = direct.config.connect(tls);
        match tokio::time::timeout(within, connecting).await {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let options: Options = "postgres://orch:secret@db.example:5433/flows?sslmode=require"
            .parse()
            .unwrap();
        assert_eq!(options.to_string(), "postgres://orch@db.example:5433/flows");
        assert_eq!(format!("{options:?}"), options.to_string());
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told() {
        #[track_caller]
        fn check(url: &str, expect: &str) {
            let error = url.parse::<Options>().unwrap_err().to_string();
            assert!(error.contains(expect), "{url}: {error}");
        }
        check("postgres://db.example", "names no database");
        check("postgres://db.example/x?sslmode=often", "`often`");
        check("postgres://db.example/x?sslmode=verify-ca", "verify-full");
        check("postgres://db.example:port/x", "port");
        check("postgres://db.example/x?colour=red", "colour");
        check("postgres://db.example/x?answer_timeout=0", "`0`");
        check("postgres://db.example/x?answer_timeout=2m", "`2m`");
    }
}
