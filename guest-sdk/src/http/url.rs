//! The URL of a request.

use fluent_uri::{Uri, UriRef};

use crate::{Error, ErrorKind, Result};

/// An absolute URL of HTTP. It has no fragment, which no server is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(Uri<String>);

impl Url {
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::of_kind(
                ErrorKind::Permanent,
                format!("`{}` is no URL of HTTP: {why}", shown(text)),
            )
        };
        let url = Uri::parse(text).map_err(|err| wrong(err.to_string()))?;
        let url = Self(url.to_owned());
        if !matches!(url.scheme().as_str(), "http" | "https") {
            return Err(wrong("it begins with `http://` or `https://`".to_owned()));
        }
        if url.authority().is_empty() {
            return Err(wrong("it names no host".to_owned()));
        }
        Ok(Self(url.0.strip_fragment().to_owned()))
    }

    /// Where a redirect leads to.
    pub fn join(&self, location: &str) -> Result<Self> {
        let wrong = |why: &dyn std::fmt::Display| {
            Error::of_kind(
                ErrorKind::Permanent,
                format!(
                    "{self} redirects to `{}`, which is no URL: {why}",
                    shown(location)
                ),
            )
        };
        let reference = UriRef::parse(location).map_err(|err| wrong(&err))?;
        let joined = reference.resolve_against(&self.0.strip_fragment());
        Self::parse(joined.map_err(|err| wrong(&err))?.as_str())
    }

    /// Adds a pair to the query, encoded as a form is.
    pub fn add_query(&mut self, name: &str, value: &str) {
        let pair = form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        let sign = match self.0.query() {
            None => "?",
            Some(query) if query.as_str().is_empty() => "",
            Some(_) => "&",
        };
        let text = format!("{}{sign}{pair}", self.0);
        // What a form is encoded to are the characters of a query.
        self.0 = Uri::parse(text).expect("a query was added");
    }

    /// In small letters.
    pub fn scheme(&self) -> String {
        self.0.scheme().as_str().to_ascii_lowercase()
    }

    /// Host and port, without whoever is named before them.
    pub fn authority(&self) -> String {
        let authority = self.0.authority().map_or("", |it| it.as_str());
        let place = authority.rsplit('@').next().unwrap_or_default();
        place.to_ascii_lowercase()
    }

    /// User and password, if they stand before the host.
    pub fn user(&self) -> Option<(String, String)> {
        let user = self.0.authority()?.userinfo()?;
        let text =
            |part: &fluent_uri::pct_enc::EStr<_>| part.decode().to_string_lossy().into_owned();
        Some(match user.split_once(':') {
            Some((name, word)) => (text(name), text(word)),
            None => (text(user), String::new()),
        })
    }

    /// What the server is asked for.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    pub fn path_and_query(&self) -> String {
        let path = match self.0.path().as_str() {
            "" => "/",
            path => path,
        };
        match self.0.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// Whether both are of the same scheme, host and port.
    pub fn has_origin_of(&self, other: &Self) -> bool {
        self.scheme() == other.scheme() && self.place() == other.place()
    }

    /// The host with its port, also if it is that of the scheme.
    fn place(&self) -> String {
        let authority = self.authority();
        let after_address = authority.rsplit(']').next().unwrap_or_default();
        if after_address.contains(':') {
            authority
        } else if self.scheme() == "http" {
            format!("{authority}:80")
        } else {
            format!("{authority}:443")
        }
    }
}

/// What may be told of a text that stands for a URL: not who is named in it, nor its query.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 100;
    let before_query = text.split(['?', '#']).next().unwrap_or_default();
    let place = match before_query.rsplit_once('@') {
        Some((_, place)) => place,
        None => before_query,
    };
    place.chars().take(SHOWN_MAX).collect()
}

impl std::fmt::Display for Url {
    /// Without a password, and without the query, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme(),
            self.authority(),
            self.0.path()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn what_is_sent_is_told_apart() {
        let url = url("HTTPS://me:pa%20ss@Shop.example:8443/a/b?c=d#e");
        assert_eq!(url.scheme(), "https");
        assert_eq!(url.authority(), "shop.example:8443");
        assert_eq!(url.user(), Some(("me".into(), "pa ss".into())));
        assert_eq!(url.path_and_query(), "/a/b?c=d");
        assert_eq!(url.to_string(), "https://shop.example:8443/a/b");
    }

    #[test]
    fn pairs_are_added_to_a_query() {
        for (before, after) in [
            ("http://a.example", "/?k%26=v+w"),
            ("http://a.example/?", "/?k%26=v+w"),
            ("http://a.example/p?x=1", "/p?x=1&k%26=v+w"),
        ] {
            let mut url = url(before);
            url.add_query("k&", "v w");
            assert_eq!(url.path_and_query(), after);
        }
    }

    #[test]
    fn a_redirect_is_relative_to_where_it_came_from() {
        let base = url("https://a.example/x/y?z=1");
        for (location, expect) in [
            ("/b", "https://a.example/b"),
            ("c", "https://a.example/x/c"),
            ("//b.example/", "https://b.example/"),
            ("http://b.example:1/d?e#f", "http://b.example:1/d"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), expect);
        }
        assert!(base.join("ftp://a.example").is_err());
        assert!(base.join("http://a b").is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| url(a).has_origin_of(&url(b));
        assert!(same("http://a.example", "http://A.example:80/x"));
        assert!(same("https://[::1]/", "https://[::1]:443/"));
        assert!(!same("http://a.example", "https://a.example"));
        assert!(!same("http://a.example", "http://a.example:81"));
        assert!(!same("http://a.example", "http://b.example"));
    }

    #[test]
    fn a_password_and_a_query_are_not_told() {
        let err = Url::parse("http://me:pass@a b/?token=x").unwrap_err();
        assert!(
            err.to_string().starts_with("`a b/` is no URL of HTTP"),
            "{err}"
        );
    }

    #[test]
    fn what_is_no_url_is_said() {
        for (text, why) in [
            ("shop.example", "`shop.example` is no URL of HTTP"),
            (
                "ftp://shop.example",
                "it begins with `http://` or `https://`",
            ),
            ("http:///a", "it names no host"),
            ("http://a b/", "`http://a b/` is no URL of HTTP"),
        ] {
            let err = Url::parse(text).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Permanent);
            assert!(err.to_string().contains(why), "{err}");
        }
    }
}
