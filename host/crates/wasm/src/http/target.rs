//! Where a request goes.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::{Authority, Parts, Scheme};

use model::HttpScheme;

/// The server of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub scheme: HttpScheme,
    /// A name in small letters, or an address without brackets.
    pub host: String,
    pub port: u16,
}

impl Target {
    /// Of a URL, or of what a connector is called with. A number that a browser would take for an
    /// address is one, so that nobody else takes it for another.
    pub fn of(uri: &Uri) -> Option<Self> {
        let scheme = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTP => HttpScheme::Http,
            scheme if *scheme == Scheme::HTTPS => HttpScheme::Https,
            _ => return None,
        };
        let host = match url::Host::parse(uri.host()?).ok()? {
            url::Host::Domain(name) => match name.strip_suffix('.') {
                Some(name) => name.to_owned(),
                None => name,
            },
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => IpAddr::from(address).to_canonical().to_string(),
        };
        Some(Self {
            scheme,
            host,
            port: uri.port_u16().unwrap_or(scheme.port()),
        })
    }

    /// The host, if it is an address.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The same request to the host in this form: whoever else reads it finds the same one.
    pub fn in_uri(&self, uri: Uri) -> Option<Uri> {
        let mut parts: Parts = uri.into_parts();
        let authority: Authority = self.place().parse().ok()?;
        parts.authority = Some(authority);
        parts
            .path_and_query
            .get_or_insert_with(|| hyper::http::uri::PathAndQuery::from_static("/"));
        Uri::from_parts(parts).ok()
    }

    /// `host`, or `host:port` if the port is not that of the scheme.
    fn place(&self) -> String {
        let host = match self.address() {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.host.clone(),
        };
        if self.port == self.scheme.port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, expect: &str) {
        let uri: Uri = uri.parse().unwrap();
        let shown = Target::of(&uri).map(|it| it.to_string());
        assert_eq!(shown.as_deref().unwrap_or("none"), expect);
    }

    #[test]
    fn a_host_has_one_form() {
        check("http://Example.COM./a", "http://example.com");
        check("https://example.com:443", "https://example.com");
        check("http://user:word@example.com:81/", "http://example.com:81");
        check("http://[0:0::1]:80/", "http://[::1]");
        check("http://[::ffff:127.0.0.1]/", "http://127.0.0.1");
        // As browsers read it.
        check("http://0x7f.1/", "http://127.0.0.1");
        check("http://2130706433/", "http://127.0.0.1");
        check("ftp://example.com/", "none");
        check("/a", "none");
    }

    #[test]
    fn what_is_sent_names_the_host_that_was_checked() {
        let uri: Uri = "http://0x7f.1:8080".parse().unwrap();
        let target = Target::of(&uri).unwrap();
        assert_eq!(
            target.in_uri(uri).unwrap().to_string(),
            "http://127.0.0.1:8080/"
        );
    }
}
