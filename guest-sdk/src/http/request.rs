//! A request, and how it is sent: again to where the server points, until there is an answer.

use std::{fmt::Display, io::Read, rc::Rc, time::Duration};

use data_encoding::BASE64;
use serde::Serialize;

use super::{
    body::Body,
    headers::Headers,
    response::Response,
    url::{Url, shown},
    wire,
};
use crate::{
    Error, ErrorKind, Result,
    current::{self, Place},
    executor::block_on,
    finite,
};

/// Redirects that are followed, unless it is said otherwise.
const REDIRECTS_MAX: u32 = 10;

/// Headers that are not for another server than the one that they were given for.
const FOR_ONE_ORIGIN: [&str; 2] = ["authorization", "cookie"];

/// Headers that say what a body is.
const OF_BODY: [&str; 4] = [
    "content-type",
    "content-length",
    "content-encoding",
    "content-language",
];

/// A token or a password: a text, or a secret.
pub trait Credential {
    /// What the server is sent.
    fn expose(&self) -> &str;
}

impl Credential for str {
    fn expose(&self) -> &str {
        self
    }
}

impl Credential for String {
    fn expose(&self) -> &str {
        self
    }
}

impl<C: Credential + ?Sized> Credential for &C {
    fn expose(&self) -> &str {
        (**self).expose()
    }
}

/// A request that is put together. What is wrong with it is told when it is sent.
#[must_use = "a request is sent by `.send()` or `.send_async()`"]
pub struct RequestBuilder {
    method: String,
    /// What may be told of it.
    address: String,
    url: Result<Url>,
    headers: Headers,
    body: Body,
    timeout: Option<Duration>,
    redirects_max: u32,
}

impl RequestBuilder {
    pub(super) fn new(method: &str, address: &str) -> Self {
        let mut headers = Headers::default();
        let mut url = Url::parse(address);
        if method.is_empty() || !method.bytes().all(is_token) {
            url = Err(Error::permanent(format!("`{method}` is no method of HTTP")));
        }
        headers.add("accept", "*/*");
        headers.add(
            "user-agent",
            concat!("orch-host/", env!("CARGO_PKG_VERSION")),
        );
        let mut new = Self {
            method: method.to_owned(),
            address: shown(address),
            url,
            headers,
            body: Body::Empty,
            timeout: None,
            redirects_max: REDIRECTS_MAX,
        };
        if let Some((user, password)) = new.url.as_ref().ok().and_then(Url::user) {
            new = new.basic_auth(&user, password);
        }
        new
    }

    /// Sets a header, in the place of what it was.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        if name.is_empty() || !name.bytes().all(is_token) {
            self.wrong(format!("`{name}` is no name of a header"));
        } else if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            self.wrong(format!("the value of the header `{name}` has a line break"));
        } else {
            self.headers.set(name, value);
        }
        self
    }

    /// Adds a pair to the query of the URL.
    pub fn query(mut self, name: impl AsRef<str>, value: impl Display) -> Self {
        if let Ok(url) = &mut self.url {
            url.add_query(name.as_ref(), &value.to_string());
        }
        self
    }

    /// Sends a value as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match finite::to_json(value) {
            Ok(json) => self.of_type("application/json", json),
            Err(err) => {
                self.wrong(format!("the body is no JSON: {err}"));
                self
            }
        }
    }

    /// Sends the fields of a value as those of a form.
    pub fn form<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_html_form::to_string(value) {
            Ok(form) => self.of_type("application/x-www-form-urlencoded", form),
            Err(err) => {
                self.wrong(format!("the body is no form: {err}"));
                self
            }
        }
    }

    fn of_type(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        if !self.headers.has("content-type") {
            self.headers.set("content-type", kind);
        }
        self.body(body)
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(body.into().into());
        self
    }

    /// Sends what is read from here, while it is read: it need not fit into memory. Such a
    /// request cannot be repeated, so a redirect that asks for that is not followed.
    pub fn body_reader(mut self, reader: impl Read + 'static) -> Self {
        self.body = Body::Reader(Box::new(reader));
        self
    }

    /// Says who asks, by name and password.
    pub fn basic_auth(self, user: impl AsRef<str>, password: impl Credential) -> Self {
        let both = format!("{}:{}", user.as_ref(), password.expose());
        self.header(
            "authorization",
            format!("Basic {}", BASE64.encode(both.as_bytes())),
        )
    }

    /// Says who asks, by a token.
    pub fn bearer_auth(self, token: impl Credential) -> Self {
        self.header("authorization", format!("Bearer {}", token.expose()))
    }

    /// How long all of it may take, until the body of the answer is read.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many redirects are followed: 10 by default. The answer of one that is not followed is
    /// the answer.
    pub fn redirects(mut self, max: u32) -> Self {
        self.redirects_max = max;
        self
    }

    /// Keeps what is wrong, for when it is sent.
    fn wrong(&mut self, why: String) {
        if self.url.is_ok() {
            let (method, address) = (&self.method, &self.address);
            self.url = Err(Error::permanent(format!("{method} {address}: {why}")));
        }
    }

    /// Sends it, and waits until the answer begins.
    pub fn send(self) -> Result<Response> {
        block_on(self.send_async())?
    }

    /// Sends it. Other futures of the task go on meanwhile.
    pub async fn send_async(self) -> Result<Response> {
        let Self {
            mut method,
            url,
            mut headers,
            mut body,
            timeout,
            redirects_max,
            ..
        } = self;
        let mut url = url?;
        if current::place() == Place::Flow {
            let message = format!("{method} {url}: a flow sends no requests; let a task do this");
            return Err(Error::of_this_run(ErrorKind::Refused, message));
        }
        let deadline = timeout.map(wire::Deadline::after);
        let mut followed = 0;
        loop {
            let sent = match &body {
                Body::Bytes(bytes) => Body::Bytes(Rc::clone(bytes)),
                _ => std::mem::take(&mut body),
            };
            let repeatable = !matches!(sent, Body::Reader(_));
            let exchange = wire::exchange(&method, &url, &headers, sent, deadline.as_ref()).await;
            let (status, head, incoming) = exchange.map_err(|it| it.of(&method, &url))?;
            let location = match status {
                301 | 302 | 303 | 307 | 308 => head.headers().get("location"),
                _ => None,
            };
            let keeps_body = matches!(status, 307 | 308);
            let Some(location) =
                location.filter(|_| redirects_max > 0 && (repeatable || !keeps_body))
            else {
                return Ok(Response::new(method, url, status, head, incoming, deadline));
            };
            if followed == redirects_max {
                let message = format!("{method} {url}: redirected more than {redirects_max} times");
                return Err(Error::permanent(message));
            }
            followed += 1;
            let next = url.join(location)?;
            if !next.has_origin_of(&url) {
                headers.remove(&FOR_ONE_ORIGIN);
            }
            let becomes_get = match status {
                303 => method != "HEAD",
                301 | 302 => method == "POST",
                _ => false,
            };
            if becomes_get {
                method = "GET".to_owned();
                body = Body::Empty;
                headers.remove(&OF_BODY);
            }
            url = next;
        }
    }
}

/// A character of a method, or of a header's name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[track_caller]
    fn check(request: RequestBuilder, expect: &str) {
        assert_eq!(request.url.unwrap_err().to_string(), expect);
    }

    #[test]
    fn what_is_wrong_is_told_when_it_is_sent() {
        check(
            http::request("GE T", "http://a.example"),
            "`GE T` is no method of HTTP",
        );
        check(
            http::get("http://a.example").header("a b", "c"),
            "GET http://a.example: `a b` is no name of a header",
        );
        check(
            http::get("http://a.example").header("a", "b\r\nc: d"),
            "GET http://a.example: the value of the header `a` has a line break",
        );
        check(
            http::get("http://a.example").form(&1),
            "GET http://a.example: the body is no form: top-level serializer supports only maps and structs",
        );
    }

    #[test]
    fn who_asks_stands_in_a_header_and_not_in_the_url() {
        let request = http::get("http://me:pass@a.example");
        assert_eq!(
            request.headers.get("authorization"),
            Some("Basic bWU6cGFzcw==")
        );
        assert_eq!(request.url.unwrap().authority(), "a.example");
        let request = http::get("http://a.example").bearer_auth("t");
        assert_eq!(request.headers.get("authorization"), Some("Bearer t"));
    }

    #[test]
    fn a_body_says_what_it_is() {
        let request = http::post("http://a.example").json(&[1, 2]);
        assert_eq!(
            request.headers.get("content-type"),
            Some("application/json")
        );
        let own = http::post("http://a.example")
            .header("content-type", "a/b")
            .json(&1);
        assert_eq!(own.headers.get("content-type"), Some("a/b"));
        let request = http::post("http://a.example").form(&[("a", "b c")]);
        assert!(matches!(request.body, Body::Bytes(form) if *form == *b"a=b+c"));
    }
}
