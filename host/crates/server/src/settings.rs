//! How a server is reached, and from where.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

/// What the parts of the server have to know of its surroundings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub bound: SocketAddr,
    /// The name of the host that it was told to listen on.
    pub host: String,
    /// Whether it speaks TLS itself.
    pub is_tls: bool,
    /// How it is reached through a proxy.
    pub public_url: Option<PublicUrl>,
    /// Pages of these origins may call the API.
    pub cors_origins: Vec<Origin>,
}

impl Settings {
    /// Whether browsers reach it by `https`.
    pub fn is_secure(&self) -> bool {
        let is_public = |url: &PublicUrl| url.0.is_secure;
        self.is_tls || self.public_url.as_ref().is_some_and(is_public)
    }

    /// How people reach it, without a slash at the end.
    pub fn address(&self) -> String {
        match &self.public_url {
            Some(url) => url.to_string(),
            None if self.is_tls => format!("https://{}", self.bound),
            None => format!("http://{}", self.bound),
        }
    }

    /// Whether a request to this host, with or without a port, is meant for this server. A
    /// page of a foreign host whose name was made to point here (DNS rebinding) names that
    /// host; a number cannot be made to point elsewhere.
    pub fn knows_host(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let is_number = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok();
        let is_public = |url: &PublicUrl| url.0.host().eq_ignore_ascii_case(host);
        is_number
            || host.eq_ignore_ascii_case("localhost")
            || host.eq_ignore_ascii_case(&self.host)
            || self.public_url.as_ref().is_some_and(is_public)
    }

    /// Whether pages of this origin may call the API.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let origin = origin.parse::<Origin>();
        origin.is_ok_and(|origin| self.cors_origins.contains(&origin))
    }
}

/// A scheme, a host and a port: `https://orch.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub is_secure: bool,
    authority: Authority,
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no URL such as `https://orch.example`")]
pub struct UrlError(String);

impl Origin {
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// Whether a request that names this host was sent to this origin.
    pub fn is_of(&self, authority: &Authority) -> bool {
        let port = |it: &Authority| it.port_u16().unwrap_or(self.default_port());
        self.host().eq_ignore_ascii_case(authority.host())
            && port(&self.authority) == port(authority)
    }

    fn default_port(&self) -> u16 {
        if self.is_secure { 443 } else { 80 }
    }
}

impl FromStr for Origin {
    type Err = UrlError;
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let err = || UrlError(text.to_owned());
        let parts = text.parse::<Uri>().map_err(|_| err())?.into_parts();
        let is_secure = match parts.scheme {
            Some(scheme) if scheme == Scheme::HTTPS => true,
            Some(scheme) if scheme == Scheme::HTTP => false,
            _ => return Err(err()),
        };
        let is_bare = parts.path_and_query.is_none_or(|path| path == "/");
        match parts.authority {
            Some(authority) if is_bare && !authority.as_str().contains('@') => Ok(Self {
                is_secure,
                authority,
            }),
            _ => Err(err()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// The URL by which people reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(pub Origin);

impl FromStr for PublicUrl {
    type Err = UrlError;
    fn from_str(text: &str) -> Result<Self, UrlError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(public_url: Option<&str>) -> Settings {
        Settings {
            bound: "0.0.0.0:4200".parse().unwrap(),
            host: "orch.lan".to_owned(),
            is_tls: false,
            public_url: public_url.map(|url| url.parse().unwrap()),
            cors_origins: vec!["https://tools.example".parse().unwrap()],
        }
    }

    #[test]
    fn only_its_own_names_and_numbers_are_known() {
        let settings = settings(Some("https://orch.example"));
        let knows = |host: &str| settings.knows_host(&host.parse().unwrap());
        for known in [
            "localhost:4200",
            "LOCALHOST",
            "127.0.0.1:4200",
            "[::1]:4200",
            "10.1.2.3",
            "orch.lan:4200",
            "orch.example",
        ] {
            assert!(knows(known), "{known}");
        }
        for foreign in [
            "evil.example",
            "evil.example:4200",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert!(!knows(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        let read = |text: &str| text.parse::<Origin>().map(|it| it.to_string());
        assert_eq!(
            read("https://orch.example"),
            Ok("https://orch.example".to_owned())
        );
        assert_eq!(
            read("http://localhost:8080/"),
            Ok("http://localhost:8080".to_owned())
        );
        for wrong in [
            "orch.example",
            "https://orch.example/x",
            "ftp://orch.example",
            "https://ann@orch.example",
            "null",
            "",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_that_of_a_request_with_its_host_and_port() {
        let is_of = |origin: &str, host: &str| {
            let origin: Origin = origin.parse().unwrap();
            origin.is_of(&host.parse().unwrap())
        };
        assert!(is_of("http://localhost:4200", "localhost:4200"));
        assert!(is_of("https://orch.example", "orch.example:443"));
        assert!(!is_of("http://localhost:4201", "localhost:4200"));
        assert!(!is_of("https://evil.example", "orch.example"));
    }

    #[test]
    fn only_named_origins_may_call_the_api() {
        let settings = settings(None);
        assert!(settings.allows_origin("https://tools.example"));
        assert!(!settings.allows_origin("http://tools.example"));
        assert!(!settings.allows_origin("null"));
    }

    #[test]
    fn the_address_is_the_public_one() {
        assert_eq!(settings(None).address(), "http://0.0.0.0:4200");
        let behind_proxy = settings(Some("https://orch.example"));
        assert_eq!(behind_proxy.address(), "https://orch.example");
        assert!(behind_proxy.is_secure());
    }
}
