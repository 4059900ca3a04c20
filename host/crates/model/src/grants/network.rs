//! Where tasks may connect to, and how people write it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

use super::GrantError;

/// The hosts of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`
    Any,
    /// `*.example.com`: every name below `example.com`, which is kept.
    Below(String),
    Name(String),
    Address(IpAddr),
}

/// `host`, `*.host`, `host:port`, `scheme://host[:port]` or `*[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// None: either.
    pub scheme: Option<HttpScheme>,
    pub host: HostPattern,
    /// None: the port of the scheme.
    pub port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpScheme {
    Http,
    Https,
}

/// `host:port`, where the host may be `*.host` or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpGrant {
    pub host: HostPattern,
    pub port: u16,
}

impl HttpScheme {
    /// The port of a URL that names none.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl HttpGrant {
    /// Whether requests to this port are granted, whatever their scheme.
    pub fn takes_port(&self, port: u16) -> bool {
        match (self.port, self.scheme) {
            (Some(granted), _) => granted == port,
            (None, Some(scheme)) => scheme.port() == port,
            (None, None) => [HttpScheme::Http, HttpScheme::Https]
                .map(HttpScheme::port)
                .contains(&port),
        }
    }
}

impl HostPattern {
    /// Whether a host of this name, in small letters, is meant.
    pub fn is_name(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(parent) => name
                .strip_suffix(parent.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Self::Name(granted) => granted == name,
            Self::Address(granted) => name.parse() == Ok(*granted),
        }
    }
}

impl FromStr for HttpGrant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "http" => (Some(HttpScheme::Http), rest),
                "https" => (Some(HttpScheme::Https), rest),
                _ => return Err(GrantError::Scheme(scheme.to_owned())),
            },
        };
        let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = parts(place)?;
        let grant = Self {
            scheme,
            host: host.parse()?,
            port: port.map(port_of).transpose()?,
        };
        if place.len() < rest.len() {
            return Err(GrantError::Url(grant.to_string()));
        }
        Ok(grant)
    }
}

impl FromStr for TcpGrant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (host, port) = parts(text)?;
        let host: HostPattern = host.parse()?;
        match port {
            Some(port) => Ok(Self {
                host,
                port: port_of(port)?,
            }),
            None => Err(GrantError::NoPort(host.to_string())),
        }
    }
}

/// A host, and what stands behind the colon after it.
fn parts(text: &str) -> Result<(&str, Option<&str>), GrantError> {
    if text.is_empty() {
        return Err(GrantError::Empty);
    }
    // An IPv6 address has colons: in brackets it may have a port, bare it cannot.
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest
            .split_once(']')
            .ok_or_else(|| GrantError::Name(text.to_owned()))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((address, Some(port))),
            None if rest.is_empty() => Ok((address, None)),
            None => Err(GrantError::Name(text.to_owned())),
        };
    }
    Ok(match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

fn port_of(text: &str) -> Result<u16, GrantError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1..) if is_number => Ok(port),
        _ => Err(GrantError::Port(text.to_owned())),
    }
}

impl FromStr for HostPattern {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let name = text.to_ascii_lowercase();
        let (is_below, name) = match name.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, name.as_str()),
        };
        if name.contains('*') {
            return Err(GrantError::Pattern(text.to_owned()));
        }
        if !is_host_name(name) {
            return Err(GrantError::Name(text.to_owned()));
        }
        Ok(if is_below {
            Self::Below(name.to_owned())
        } else {
            Self::Name(name.to_owned())
        })
    }
}

/// Letters, digits, `-` and, as many networks have it, `_`; 253 bytes, 63 between dots
/// (RFC 1123, section 2.1). What looks like an address and is none is no name.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for HttpScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{}", self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TcpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Whether an address is no public one: of this machine, of its own network, or of nobody.
/// Ranges are those of IANA's special-purpose registries.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => is_private_v4(address),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
                    // Site-local, deprecated, and still routed by some networks.
                    || address.segments()[0] & 0xffc0 == 0xfec0
                    // NAT64 of the own network (RFC 8215).
                    || address.segments()[..3] == [0x64, 0xff9b, 1]
            }
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        // This network; shared by the customers of a provider; tests of networks; reserved.
        || a == 0
        || address.octets()[..3] == [192, 0, 0]
        || (a, b & 0xc0) == (100, 64)
        || (a, b & 0xfe) == (198, 18)
        || a >= 240
}

/// The IPv4 address that a gateway or the system makes of one of IPv6: mapped (RFC 4291),
/// NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let at = match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => 6,
        // Compatible, deprecated (RFC 4291, section 2.5.5.1).
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => 6,
        [0x2002, ..] => 1,
        _ => return None,
    };
    let [a, b] = segments[at].to_be_bytes();
    let [c, d] = segments[at + 1].to_be_bytes();
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_http_is_a_host_and_perhaps_more() {
        #[track_caller]
        fn check(text: &str, expect: Result<&str, &str>) {
            let grant = text.parse::<HttpGrant>();
            let shown = grant.as_ref().map(ToString::to_string);
            assert_eq!(
                shown.as_deref().map_err(ToString::to_string),
                expect.map_err(str::to_owned)
            );
            if let Ok(grant) = grant {
                assert_eq!(grant.to_string().parse(), Ok(grant), "{text} is read again");
            }
        }
        check("api.example.com", Ok("api.example.com"));
        check("API.Example.com:8080", Ok("api.example.com:8080"));
        check("*.example.com", Ok("*.example.com"));
        check("https://example.com", Ok("https://example.com"));
        check("HTTP://example.com:81", Ok("http://example.com:81"));
        check("*", Ok("*"));
        check("*:8765", Ok("*:8765"));
        check("127.0.0.1:80", Ok("127.0.0.1:80"));
        check("::1", Ok("[::1]"));
        check("[::1]:80", Ok("[::1]:80"));
        check("my_service:80", Ok("my_service:80"));
        check("", Err("it is empty"));
        check(
            "https://example.com/api",
            Err("it is a host, not a URL: write `https://example.com`"),
        );
        check(
            "ftp://example.com",
            Err("`ftp` is no scheme of HTTP: it is `http` or `https`"),
        );
        let port = "is no port: it is a number from 1 to 65535";
        for wrong in ["99999", "0", "", "+80", "80:80", "http"] {
            check(
                &format!("example.com:{wrong}"),
                Err(&format!("`{wrong}` {port}")),
            );
        }
        let name = "is no name of a host: it has letters, digits, `-` and `.`";
        for wrong in [
            "a b",
            "-a",
            "a..b",
            "user@example.com",
            "1.2.3",
            "[::1",
            "é",
        ] {
            check(wrong, Err(&format!("`{wrong}` {name}")));
        }
        check(
            "api.*.com",
            Err(
                "`api.*.com` has a `*` in the wrong place: write `*.example.com`, or `*` for any \
                 host",
            ),
        );
    }

    proptest::proptest! {
        /// Whatever is typed: what is taken is shown in a form that means the same.
        #[test]
        fn any_text_is_a_grant_or_is_refused(
            text in r"\PC{0,20}|(https?://)?[a-z0-9.*:\[\]_-]{0,20}(:[0-9]{0,6})?",
        ) {
            if let Ok(grant) = text.parse::<HttpGrant>() {
                assert_eq!(grant.to_string().parse(), Ok(grant));
            }
            if let Ok(grant) = text.parse::<TcpGrant>() {
                assert_eq!(grant.to_string().parse(), Ok(grant));
            }
        }
    }

    #[test]
    fn a_grant_of_tcp_has_a_port() {
        let parse = |text: &str| {
            let grant = text.parse::<TcpGrant>();
            grant.map(|it| it.to_string()).map_err(|it| it.to_string())
        };
        assert_eq!(parse("Db.internal:5432"), Ok("db.internal:5432".to_owned()));
        assert_eq!(parse("[fd00::1]:5432"), Ok("[fd00::1]:5432".to_owned()));
        let without = "it has no port: write `db.internal:PORT`".to_owned();
        assert_eq!(parse("db.internal"), Err(without));
        let without = "it has no port: write `[::1]:PORT`".to_owned();
        assert_eq!(parse("::1"), Err(without));
        assert!(parse("tcp://db:1").is_err());
    }

    #[test]
    fn a_pattern_means_names() {
        let means = |pattern: &str, name: &str| {
            let pattern: HostPattern = pattern.parse().unwrap();
            pattern.is_name(name)
        };
        assert!(means("example.com", "example.com"));
        assert!(!means("example.com", "a.example.com"));
        assert!(means("*.example.com", "a.example.com"));
        assert!(means("*.example.com", "a.b.example.com"));
        assert!(!means("*.example.com", "example.com"));
        assert!(!means("*.example.com", ".example.com"));
        assert!(!means("*.example.com", "badexample.com"));
        assert!(means("*", "anything"));
        assert!(means("127.0.0.1", "127.0.0.1"));
        assert!(!means("127.0.0.1", "127.0.0.2"));
    }

    #[test]
    fn a_port_is_granted_or_goes_with_the_scheme() {
        let takes = |grant: &str, port| grant.parse::<HttpGrant>().unwrap().takes_port(port);
        assert!(takes("a", 80) && takes("a", 443) && !takes("a", 8080));
        assert!(takes("https://a", 443) && !takes("https://a", 80));
        assert!(takes("a:8080", 8080) && !takes("a:8080", 80));
        assert!(takes("*:8765", 8765) && !takes("*", 8765));
    }

    #[test]
    fn addresses_of_the_own_network_are_private() {
        let private = |text: &str| is_private(text.parse().unwrap());
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fc00::1",
            "ff02::1",
            "fec0::1",
            "192.0.0.192",
            "64:ff9b:1::808:808",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:a00:1::1",
        ] {
            assert!(private(text), "{text}");
        }
        for text in [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "192.0.2.1",
            "2001:4860::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(!private(text), "{text}");
        }
    }
}
