//! Where the database is, and the connections to it.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;

use crate::error::{Fault, Pg, reason};
use crate::link::{Link, silent};
use crate::sql::Reader;
use store::StoreError;

mod hosts;
mod tls;

use hosts::Hosts;
pub(crate) use hosts::Made;
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
    /// The same for each of its hosts alone.
    each: Vec<Config>,
    tls: TlsMode,
    /// How long an answer is waited for.
    answer_within: Duration,
    /// Without the password.
    shown: String,
    /// As it was given.
    url: String,
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
        let config = configured(&plain, &tls)?;
        if config.get_hosts().is_empty() {
            return Err(UrlError("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(UrlError(
                "it names no database: write `postgres://HOST/DATABASE`".to_owned(),
            ));
        }
        let alone = hosts::apart(&plain);
        // Hosts that are given as parameters are left to the driver.
        let each = if alone.len() == config.get_hosts().len() {
            let each = alone.iter().map(|address| configured(address, &tls));
            each.collect::<Result<_, _>>()?
        } else {
            vec![config.clone()]
        };
        Ok(Self {
            shown: shown(&config),
            url: text.to_owned(),
            config,
            each,
            tls,
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

/// What the driver is told, from an address that has nothing but what it knows.
fn configured(address: &str, tls: &TlsMode) -> Result<Config, UrlError> {
    let mut config: Config = address
        .parse()
        .map_err(|error: tokio_postgres::Error| UrlError(reason(&error)))?;
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
    Ok(config)
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

    /// The hosts, to be tried in turn.
    fn hosts(&self) -> Result<Hosts, String> {
        let within = self.config.get_connect_timeout().copied();
        let within = within.unwrap_or(CONNECT_TIMEOUT);
        Ok(Hosts::new(&self.each, self.tls.connector()?, within))
    }

    /// How long a connection may take to be made: the limit of the address is for each of its hosts.
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
    readers: Result<Pool, String>,
    writer: Result<Pool, String>,
}

impl Connector {
    pub(crate) fn new(options: Options) -> Self {
        let pool = |size| {
            let hosts = options.hosts()?;
            let recycling = ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            };
            let manager = Manager::from_connect(options.config.clone(), hosts, recycling);
            let timeouts = Timeouts {
                wait: Some(options.answer_within),
                create: Some(options.connect_within()),
                recycle: None,
            };
            let pool = Pool::builder(manager).max_size(size).timeouts(timeouts);
            let pool = pool.runtime(Runtime::Tokio1).build();
            pool.map_err(|error| error.to_string())
        };
        Self {
            readers: pool(READERS),
            writer: pool(1),
            options,
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) async fn reader(&self) -> Pg<Reader> {
        self.taken(&self.readers).await
    }

    pub(crate) async fn writer(&self) -> Pg<Reader> {
        self.taken(&self.writer).await
    }

    async fn taken(&self, pool: &Result<Pool, String>) -> Pg<Reader> {
        let pool = pool.as_ref().map_err(|reason| self.cannot_open(reason))?;
        match pool.get().await {
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
        let pool = self.writer.as_ref();
        let pool = pool.map_err(|reason| self.cannot_open(reason))?;
        match pool.get().await {
            Ok(object) => Ok(Reader(Link::new(object, self.options.answer_within))),
            Err(PoolError::Timeout(what)) => Err(self.late(what)),
            Err(PoolError::Backend(error)) => {
                let is_ours = |code: &SqlState| {
                    *code == SqlState::CANNOT_CONNECT_NOW || code.code().starts_with("53")
                };
                // A standby is not what was asked for, and may become so.
                let is_standby = self.options.config.get_target_session_attrs()
                    != TargetSessionAttrs::Any
                    && is_io(&error, &[ErrorKind::PermissionDenied]);
                let is_away = error.code().is_none() && (is_standby || is_io(&error, &OF_NETWORK));
                Err(match error.code() {
                    Some(code) if is_ours(code) => Fault::from(error),
                    None if is_away => {
                        let reason = format!("`{}`: {}", self.options, reason(&error));
                        StoreError::Unavailable(reason).into()
                    }
                    _ => self.cannot_open(&reason(&error)).into(),
                })
            }
            Err(error) => Err(self.cannot_open(&error.to_string()).into()),
        }
    }

    fn cannot_open(&self, reason: &str) -> StoreError {
        StoreError::CannotOpen {
            path: self.options.path(),
            reason: reason.to_owned(),
        }
    }

    /// A connection outside of the pools, with what the server says without being asked.
    pub(crate) async fn listening(&self) -> Pg<Made> {
        let hosts = self.options.hosts();
        let hosts = hosts.map_err(|reason| self.cannot_open(&reason))?;
        let within = self.options.connect_within();
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
