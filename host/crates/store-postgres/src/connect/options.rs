//! Where a database is, and how to speak to it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::hosts::{self, Hosts};
use super::tls::TlsMode;
use crate::error::reason;

/// Where the tables are.
pub(crate) const SCHEMA: &str = "orch_host";

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
///
/// What is ready or leased leaves its index soon, and stays in it as a dead entry until the next
/// vacuum. A plain scan of the index marks those that it meets, so that the next one passes over them;
/// a bitmap is made of all of them each time.
fn session() -> String {
    let (silence, probe) = (SILENCE_MAX.as_secs(), PROBE.as_secs());
    format!(
        // Whatever others put on the search path, our names mean our tables.
        "-c search_path={SCHEMA} -c idle_in_transaction_session_timeout={silence}s \
         -c tcp_user_timeout={silence}s -c tcp_keepalives_idle={probe} \
         -c tcp_keepalives_interval={probe} -c tcp_keepalives_count=2 \
         -c enable_bitmapscan=off -c jit=off"
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

    /// The same, and nothing is asked of a session.
    pub(super) fn without_session(&self) -> Self {
        let mut without = self.clone();
        without.config.options("");
        for config in &mut without.each {
            config.options("");
        }
        without
    }

    /// The same, for questions that take long: answers are waited for at least so long.
    pub(crate) fn with_patience(self, least: Duration) -> Self {
        Self {
            answer_within: self.answer_within.max(least),
            ..self
        }
    }

    /// Where notifications are heard.
    pub(super) fn listen(&self) -> &Self {
        self.listen.as_deref().unwrap_or(self)
    }

    /// Whether that is elsewhere.
    pub(super) fn listens_elsewhere(&self) -> bool {
        self.listen.is_some()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// How long an answer is waited for.
    pub(super) fn answer_within(&self) -> Duration {
        self.answer_within
    }

    /// The hosts, to be tried in turn.
    pub(super) fn hosts(&self) -> Result<Hosts, String> {
        let within = self.config.get_connect_timeout().copied();
        let within = within.unwrap_or(CONNECT_TIMEOUT);
        Ok(Hosts::new(&self.each, self.tls.connector()?, within))
    }

    /// How long a connection may take to be made: the limit of the address is for each of its hosts.
    pub(super) fn connect_within(&self) -> Duration {
        let each = self.config.get_connect_timeout().copied();
        let hosts = self.config.get_hosts().len().max(1) as u32;
        each.unwrap_or(CONNECT_TIMEOUT) * hosts
    }

    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(&self.shown)
    }
}

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
