//! The network of a task: the hosts that its deployment was granted, and nothing else.
//!
//! A task opens TCP connections as any program does. Each is checked against the addresses
//! that the granted names have at that moment: the host resolves the names, and takes no
//! address from the guest on trust.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use model::Grants;

/// The ports of HTTP and HTTPS, for a grant that names none.
const HTTP_PORTS: [u16; 2] = [80, 443];

/// Allows connections to the granted hosts. Without grants there is no network at all.
pub(super) fn open(wasi: &mut WasiCtxBuilder, grants: &Grants) {
    let open = !grants.http.is_empty();
    wasi.allow_udp(false)
        .allow_tcp(open)
        .allow_ip_name_lookup(open);
    if !open {
        return;
    }
    let hosts: Arc<[Host]> = grants.http.iter().map(|text| Host::parse(text)).collect();
    wasi.socket_addr_check(move |address, wish| {
        let hosts = Arc::clone(&hosts);
        Box::pin(async move {
            match wish {
                SocketAddrUse::TcpConnect => {}
                // The system binds a socket before it connects. Listening stays refused.
                SocketAddrUse::TcpBind => {
                    return address.ip().is_unspecified() && address.port() == 0;
                }
                _ => return false,
            }
            for host in hosts.iter() {
                if host.is_at(address).await {
                    return true;
                }
            }
            false
        })
    });
}

/// A granted host: `host`, `host:port` or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    /// The host's name. None: any host.
    name: Option<String>,
    /// The port. None: the ports of HTTP and HTTPS.
    port: Option<u16>,
}

impl Host {
    fn parse(text: &str) -> Self {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => {
                (name, port.parse().ok())
            }
            // In brackets an IPv6 address may have a port; bare it cannot.
            Some((name, port)) if name.ends_with(']') => (name, port.parse().ok()),
            _ => (text, None),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        Self {
            name: (name != "*").then(|| name.to_owned()),
            port,
        }
    }

    fn takes_port(&self, port: u16) -> bool {
        match self.port {
            Some(granted) => granted == port,
            None => HTTP_PORTS.contains(&port),
        }
    }

    async fn is_at(&self, address: SocketAddr) -> bool {
        if !self.takes_port(address.port()) {
            return false;
        }
        let Some(name) = &self.name else {
            return true;
        };
        if let Ok(ip) = name.parse::<IpAddr>() {
            return ip == address.ip();
        }
        match tokio::net::lookup_host((name.as_str(), address.port())).await {
            Ok(mut addresses) => addresses.any(|granted| granted.ip() == address.ip()),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_a_host_and_perhaps_a_port() {
        #[track_caller]
        fn check(text: &str, name: Option<&str>, port: Option<u16>) {
            let host = Host::parse(text);
            assert_eq!((host.name.as_deref(), host.port), (name, port), "{text}");
        }
        check("example.com", Some("example.com"), None);
        check("example.com:8080", Some("example.com"), Some(8080));
        check("127.0.0.1:80", Some("127.0.0.1"), Some(80));
        check("::1", Some("::1"), None);
        check("[::1]:8080", Some("::1"), Some(8080));
        check("*", None, None);
        check("*:8080", None, Some(8080));
    }

    #[tokio::test]
    async fn only_the_granted_address_and_port_are_reached() {
        let reaches = async |host: &str, address: &str| {
            Host::parse(host).is_at(address.parse().unwrap()).await
        };
        assert!(reaches("127.0.0.1:8080", "127.0.0.1:8080").await);
        assert!(!reaches("127.0.0.1:8080", "127.0.0.1:8081").await);
        assert!(!reaches("127.0.0.1:8080", "127.0.0.2:8080").await);
        assert!(reaches("127.0.0.1", "127.0.0.1:443").await);
        assert!(!reaches("127.0.0.1", "127.0.0.1:22").await);
        assert!(reaches("localhost:8080", "127.0.0.1:8080").await);
        assert!(reaches("*", "192.0.2.1:443").await);
    }
}
