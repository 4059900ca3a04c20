//! The address of a server.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;

/// `https://orch.example.com`, as `--server` and `ORCH_API_URL` have it. A path is put before
/// those of the API, for servers behind a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// Without a slash at its end.
    text: String,
    is_loopback: bool,
}

impl ServerUrl {
    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The address of an operation.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ServerUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it is no URL such as `https://orch.example.com`".to_owned();
        if !text.contains("://") {
            return Err(format!("it is no URL: write `http://{text}`"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(scheme) => {
                return Err(format!("`{scheme}` is not supported, only http and https"));
            }
            None => return Err(wrong()),
        }
        let Some(authority) = uri.authority().filter(|it| !it.host().is_empty()) else {
            return Err(wrong());
        };
        if authority.as_str().contains('@') {
            return Err("a name and a password are not sent: set `ORCH_API_TOKEN`".to_owned());
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("it takes nothing after `?` or `#`".to_owned());
        }
        Ok(Self {
            is_loopback: is_loopback(authority.host()),
            text: text.trim_end_matches('/').to_owned(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(&str, bool), &str>) {
        let url = text.parse::<ServerUrl>();
        let url = url.as_ref().map(|url| (url.text.as_str(), url.is_loopback));
        assert_eq!(url.map_err(String::as_str), expect);
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        check("http://127.0.0.1:4200", Ok(("http://127.0.0.1:4200", true)));
        check("http://localhost:1/", Ok(("http://localhost:1", true)));
        check("http://[::1]:4200", Ok(("http://[::1]:4200", true)));
        check("https://a.example", Ok(("https://a.example", false)));
        check(
            "https://a.example/orch/",
            Ok(("https://a.example/orch", false)),
        );
        check(
            "a.example:4200",
            Err("it is no URL: write `http://a.example:4200`"),
        );
        check(
            "ftp://a.example",
            Err("`ftp` is not supported, only http and https"),
        );
        check(
            "http://",
            Err("it is no URL such as `https://orch.example.com`"),
        );
        check(
            "http://a b",
            Err("it is no URL such as `https://orch.example.com`"),
        );
        check(
            "http://me:secret@a.example",
            Err("a name and a password are not sent: set `ORCH_API_TOKEN`"),
        );
        check(
            "http://a.example?x=1",
            Err("it takes nothing after `?` or `#`"),
        );
    }
}
