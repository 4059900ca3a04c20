//! Where the tasks of a deployment may reach: its grants, as questions.

use std::net::IpAddr;

use model::{Grants, HostPattern, HttpGrant, HttpScheme, TcpGrant, is_private};

/// The name of this machine, which leads to it and is private without a doubt.
const THIS_MACHINE: &str = "localhost";

/// What a deployment was granted of the network.
pub(super) struct Reach {
    rules: Vec<Rule>,
    private: bool,
}

/// A grant of connections.
enum Rule {
    Http(HttpGrant),
    Tcp(TcpGrant),
}

impl Reach {
    pub fn of(grants: &Grants) -> Self {
        // What an earlier version has stored may mean nothing any more.
        let http = grants.http.iter().filter_map(|it| it.parse().ok());
        let tcp = grants.tcp.iter().filter_map(|it| it.parse().ok());
        Self {
            rules: http.map(Rule::Http).chain(tcp.map(Rule::Tcp)).collect(),
            private: grants.private,
        }
    }

    /// Whether anything is granted.
    pub fn is_open(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether a name, in small letters, may be looked up.
    pub fn takes_name(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.host().is_name(name))
    }

    /// Whether a name may lead to this address at all: whoever asks for it has no port yet.
    pub fn may_lead_to(&self, name: &str, address: IpAddr) -> bool {
        self.rules
            .iter()
            .any(|rule| self.takes(rule, name, address))
    }

    /// Whether a request that is granted may be sent to this address of its name.
    pub fn may_dial(&self, scheme: HttpScheme, name: &str, address: IpAddr, port: u16) -> bool {
        self.rules.iter().any(|rule| {
            rule.takes_port(port) && rule.takes_scheme(scheme) && self.takes(rule, name, address)
        })
    }

    /// Whether a connection to this address is granted. It was found under these names.
    pub fn takes_address(&self, address: IpAddr, port: u16, names: &[String]) -> bool {
        self.rules.iter().any(|rule| {
            rule.takes_port(port)
                && (self.is_address(rule.host(), address)
                    || names.iter().any(|name| self.takes(rule, name, address)))
        })
    }

    /// Whether one grant lets a name lead to an address. What is private was either granted
    /// itself, by the same grant, or is this machine under the name that means it.
    fn takes(&self, rule: &Rule, name: &str, address: IpAddr) -> bool {
        let host = rule.host();
        if *host == HostPattern::Address(address) {
            return true;
        }
        let means_this_machine = matches!(host, HostPattern::Name(it) if it == THIS_MACHINE);
        host.is_name(name)
            && (!is_private(address)
                || self.private
                || means_this_machine && name == THIS_MACHINE && address.is_loopback())
    }

    /// Whether a request is granted: to a name in small letters, or to an address.
    pub fn takes_request(&self, scheme: HttpScheme, host: &str, port: u16) -> bool {
        self.rules.iter().any(|rule| {
            rule.takes_port(port)
                && rule.takes_scheme(scheme)
                && match host.parse() {
                    Ok(address) => self.is_address(rule.host(), address),
                    Err(_) => rule.host().is_name(host),
                }
        })
    }

    /// Whether a granted host stands for this address, which nobody has looked up.
    fn is_address(&self, host: &HostPattern, address: IpAddr) -> bool {
        match host {
            HostPattern::Address(granted) => *granted == address,
            HostPattern::Any => self.private || !is_private(address),
            HostPattern::Name(name) => name == THIS_MACHINE && address.is_loopback(),
            HostPattern::Below(_) => false,
        }
    }
}

impl Rule {
    fn host(&self) -> &HostPattern {
        match self {
            Self::Http(grant) => &grant.host,
            Self::Tcp(grant) => &grant.host,
        }
    }

    fn takes_port(&self, port: u16) -> bool {
        match self {
            Self::Http(grant) => grant.takes_port(port),
            Self::Tcp(grant) => grant.port == port,
        }
    }

    /// Whoever may open a connection may speak any protocol over it.
    fn takes_scheme(&self, scheme: HttpScheme) -> bool {
        match self {
            Self::Http(grant) => grant.scheme.is_none_or(|granted| granted == scheme),
            Self::Tcp(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(http: &[&str], tcp: &[&str], private: bool) -> Reach {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        Reach::of(&Grants {
            http: texts(http),
            tcp: texts(tcp),
            private,
            ..Grants::default()
        })
    }

    #[test]
    fn a_request_is_granted_with_its_scheme_host_and_port() {
        let takes = |grant: &str, url: &str| {
            let url = url::Url::parse(url).unwrap();
            let scheme = match url.scheme() {
                "https" => HttpScheme::Https,
                _ => HttpScheme::Http,
            };
            let host = url.host_str().unwrap().trim_matches(['[', ']']).to_owned();
            let port = url.port_or_known_default().unwrap();
            reach(&[grant], &[], false).takes_request(scheme, &host, port)
        };
        assert!(takes("example.com", "https://example.com/a"));
        assert!(takes("example.com", "http://example.com"));
        assert!(!takes("example.com", "http://example.com:8080"));
        assert!(takes("example.com:8080", "http://example.com:8080"));
        assert!(!takes("https://example.com", "http://example.com"));
        assert!(!takes("https://example.com", "http://example.com:443"));
        assert!(takes("*.example.com", "https://a.example.com"));
        assert!(!takes("*.example.com", "https://example.com"));
        assert!(takes("*", "https://example.com"));
        assert!(takes("*", "https://192.0.2.1"));
        assert!(!takes("*", "https://127.0.0.1"));
        assert!(!takes("*", "http://[::1]/"));
        assert!(takes("[::1]", "http://[::1]/"));
        assert!(takes("localhost:80", "http://127.0.0.1/"));
        assert!(reach(&[], &["example.com:80"], false).takes_request(
            HttpScheme::Http,
            "example.com",
            80
        ));
    }

    #[test]
    fn a_private_address_is_granted_by_one_grant_or_not_at_all() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let inner = IpAddr::from([10, 0, 0, 5]);
        let any = reach(&["*"], &[], false);
        // Any host is not this machine, by whatever name.
        assert!(!any.may_dial(HttpScheme::Http, "localhost", here, 80));
        assert!(!any.takes_address(here, 80, &["localhost".to_owned()]));
        let own = reach(&["localhost:8080", "*"], &[], false);
        assert!(own.may_dial(HttpScheme::Http, "localhost", here, 8080));
        assert!(!own.may_dial(HttpScheme::Http, "localhost", here, 80));
        // The port of an address is not that of another grant.
        let both = reach(&["*"], &["10.0.0.5:5432"], false);
        assert!(!both.may_dial(HttpScheme::Http, "evil.example", inner, 80));
        assert!(!both.takes_address(inner, 80, &["evil.example".to_owned()]));
        assert!(both.takes_address(inner, 5432, &["evil.example".to_owned()]));
        let private = reach(&["inner.example"], &[], true);
        assert!(private.may_dial(HttpScheme::Https, "inner.example", inner, 443));
    }

    #[test]
    fn a_grant_that_means_nothing_grants_nothing() {
        assert!(!reach(&["a:b:c", "example.com:99999", "*.*"], &["x"], true).is_open());
    }
}
