//! Requests and their answers.
//!
//! An answer is read whole, up to a limit, in bounded time. A GET whose connection is lost is
//! sent once more; nothing else is, since the server may have done it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, IF_MATCH, LOCATION, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Timestamp;
use operations::client::Answered;
use operations::problem::{Problem, ProblemKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::ServerUrl;
use crate::answer::Document;
use crate::trouble::{MAY_BE_DONE, cause, lost, no_http, stranger, unreachable};

/// How long a connection may take to be there.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long the whole of an answer may take. The server itself gives up earlier.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// The same after an upload, which may be slow, and which the server compiles.
const UPLOAD_MAX: Duration = Duration::from_secs(600);
/// Of an answer, in bytes. A thousand runs with large results are asked for in smaller parts.
const BODY_MAX: usize = 256 << 20;
/// Before the second try.
const PAUSE: Duration = Duration::from_millis(200);
/// Clocks that differ less are taken for the same.
const SKEW_MIN: Duration = Duration::from_secs(2);

pub const JSON: &str = "application/json";
const STREAM: &str = "text/event-stream";
const BYTES: &str = "application/octet-stream";
const PROBLEM: &str = "application/problem+json";

/// Asks a server. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: ServerUrl,
    /// `Bearer orch_..`
    authorization: Arc<str>,
    /// By how many microseconds the server's clock is ahead of this one.
    skew: Arc<AtomicI64>,
}

/// A request.
pub struct Ask {
    method: Method,
    path: String,
    /// Its type and its bytes.
    body: Option<(&'static str, Bytes)>,
    /// Whether it changes what is there, however that is.
    is_unconditional: bool,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            is_unconditional: false,
        }
    }

    /// Changes what is there, whoever changed it since it was seen: as a command does.
    pub fn unconditionally(mut self) -> Self {
        self.is_unconditional = true;
        self
    }

    /// With filters.
    pub fn query(mut self, query: &impl Serialize) -> Answered<Self> {
        let query = serde_html_form::to_string(query)
            .map_err(|err| Problem::internal(format!("the query cannot be written: {err}")))?;
        if !query.is_empty() {
            self.path += &format!("?{query}");
        }
        Ok(self)
    }

    pub fn json(self, body: &impl Serialize) -> Answered<Self> {
        let body = serde_json::to_vec(body)
            .map_err(|err| Problem::internal(format!("the request cannot be written: {err}")))?;
        Ok(self.body(JSON, body))
    }

    pub fn body(mut self, kind: &'static str, body: Vec<u8>) -> Self {
        self.body = Some((kind, body.into()));
        self
    }
}

/// Why there is no answer.
pub enum Failed {
    /// No connection was made: nothing was asked.
    Unsent(Problem),
    /// The server may have done what it was asked.
    Lost(Problem),
    /// The server did not do it.
    Refused(Problem),
}

impl Failed {
    pub fn problem(self) -> Problem {
        match self {
            Self::Unsent(problem) | Self::Lost(problem) | Self::Refused(problem) => problem,
        }
    }
}

impl HttpClient {
    /// Errs if this machine has no certificates to trust.
    pub fn new(url: ServerUrl, token: &str) -> Answered<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|err| unreachable(&url, &err))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build(connector),
            url,
            authorization: format!("Bearer {token}").into(),
            skew: Arc::default(),
        })
    }

    pub(crate) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The time by the server's clock, as far as it is known.
    pub(crate) fn server_now(&self) -> Timestamp {
        Timestamp(now_us() + self.skew.load(Ordering::Relaxed))
    }

    /// What the server answers.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, ask: Ask) -> Answered<T> {
        let (_, body) = self.answer(&ask).await?;
        self.read(&body)
    }

    /// The same, and the status.
    pub(crate) async fn ask_status<T: DeserializeOwned>(
        &self,
        ask: Ask,
    ) -> Answered<(StatusCode, T)> {
        let (status, body) = self.answer(&ask).await?;
        Ok((status, self.read(&body)?))
    }

    /// For what is answered without a word.
    pub(crate) async fn tell(&self, ask: Ask) -> Answered<()> {
        self.answer(&ask).await.map(|_| ())
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Answered<T> {
        serde_json::from_slice(body)
            .map_err(|err| stranger(&self.url, &format!("its answer cannot be read: {err}")))
    }

    async fn answer(&self, ask: &Ask) -> Answered<(StatusCode, Bytes)> {
        let once = self.try_once(ask).await;
        let tried = match once {
            Err(Failed::Lost(_)) if ask.method == Method::GET => {
                tokio::time::sleep(PAUSE).await;
                self.try_once(ask).await
            }
            tried => tried,
        };
        let (status, headers, body) = tried.map_err(|failed| match failed {
            Failed::Lost(problem) if ask.method != Method::GET => problem.hint(MAY_BE_DONE),
            failed => failed.problem(),
        })?;
        self.learn_time(&headers);
        if status.is_success() && (body.is_empty() || is(&headers, JSON)) {
            return Ok((status, body));
        }
        Err(self.refused(ask, status, &headers, &body).await)
    }

    /// A stream that goes on, after the event of this id.
    pub(crate) async fn stream(
        &self,
        ask: &Ask,
        after: Option<&str>,
    ) -> Result<Option<Incoming>, Failed> {
        self.begin(ask, STREAM, after).await
    }

    /// Bytes that are no JSON.
    pub(crate) async fn bytes(&self, ask: &Ask) -> Result<Incoming, Failed> {
        let body = self.begin(ask, BYTES, None).await?;
        body.ok_or_else(|| Failed::Refused(stranger(&self.url, "it has nothing to say")))
    }

    /// An answer of this type, which is read as it comes. None: it says that there is nothing.
    async fn begin(
        &self,
        ask: &Ask,
        kind: &str,
        after: Option<&str>,
    ) -> Result<Option<Incoming>, Failed> {
        let sending = self.send(ask, kind, after);
        let response = match tokio::time::timeout(ANSWER_MAX, sending).await {
            Ok(sent) => sent?,
            Err(_) => return Err(Failed::Lost(lost(&self.url, "no answer"))),
        };
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        if parts.status.is_success() && is(&parts.headers, kind) {
            return Ok(Some(body));
        }
        let body = Limited::new(body, BODY_MAX).collect().await;
        let body = body.map_err(|err| Failed::Lost(lost(&self.url, &cause(&*err))))?;
        let body = body.to_bytes();
        let refused = self.refused(ask, parts.status, &parts.headers, &body).await;
        Err(Failed::Refused(refused))
    }

    async fn try_once(&self, ask: &Ask) -> Result<(StatusCode, HeaderMap, Bytes), Failed> {
        let limit = match ask.body {
            Some((kind, _)) if kind != JSON => UPLOAD_MAX,
            _ => ANSWER_MAX,
        };
        let answering = async {
            let response = self.send(ask, JSON, None).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, BODY_MAX).collect().await;
            let body = body.map_err(|err| Failed::Lost(lost(&self.url, &cause(&*err))))?;
            Ok((parts.status, parts.headers, body.to_bytes()))
        };
        match tokio::time::timeout(limit, answering).await {
            Ok(answered) => answered,
            Err(_) => Err(Failed::Lost(lost(
                &self.url,
                &format!("no answer for {} s", limit.as_secs()),
            ))),
        }
    }

    async fn send(
        &self,
        ask: &Ask,
        accept: &str,
        after: Option<&str>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(self.url.join(&ask.path))
            .header(ACCEPT, accept)
            .header(AUTHORIZATION, &*self.authorization)
            .header(USER_AGENT, concat!("orch-host/", env!("CARGO_PKG_VERSION")));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        if ask.is_unconditional {
            request = request.header(IF_MATCH, "*");
        }
        if let Some((kind, _)) = &ask.body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let body = ask.body.as_ref().map(|(_, body)| body.clone());
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|err| Failed::Unsent(Problem::internal(format!("no request: {err}"))))?;
        self.http.request(request).await.map_err(|err| {
            let source = std::error::Error::source(&err);
            let inner = source.and_then(|err| err.downcast_ref::<hyper::Error>());
            if err.is_connect() {
                Failed::Unsent(unreachable(&self.url, &err))
            } else if inner.is_some_and(hyper::Error::is_parse) {
                Failed::Refused(no_http(&self.url, &cause(&err)))
            } else {
                Failed::Lost(lost(&self.url, &cause(&err)))
            }
        })
    }

    /// Why an answer is not what was asked for.
    async fn refused(
        &self,
        ask: &Ask,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Problem {
        let document = if is(headers, PROBLEM) {
            Document::read(body)
        } else {
            None
        };
        match document {
            Some(document) if document.is_unknown() => self.unknown(ask, document).await,
            Some(document) => document.problem(&self.url),
            None if status.is_redirection() => {
                let place = headers.get(LOCATION).and_then(|it| it.to_str().ok());
                let place = place.unwrap_or("another place");
                stranger(&self.url, &format!("it sends elsewhere, to `{place}`"))
            }
            None => stranger(&self.url, &format!("it says {status}")),
        }
    }

    /// A server that does not know a request is of another version.
    async fn unknown(&self, ask: &Ask, document: Document) -> Problem {
        #[derive(serde::Deserialize)]
        struct Who {
            version: String,
        }
        let whoami = Ask::get("/v1/whoami");
        let who = match self.try_once(&whoami).await {
            Ok((status, _, body)) if status.is_success() => self.read::<Who>(&body),
            _ => return document.problem(&self.url),
        };
        let ours = env!("CARGO_PKG_VERSION");
        match who {
            Ok(Who { version }) => Problem {
                detail: format!(
                    "the server at `{}` does not know `{} {}`: it is orch-host {version}, \
                     and this program is orch-host {ours}",
                    self.url, ask.method, ask.path
                ),
                hint: Some("use the same version for the server and for this program".to_owned()),
                ..Problem::new(ProblemKind::NotServed, "")
            },
            Err(problem) => problem,
        }
    }

    fn learn_time(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(Ok(there)) = date.map(jiff::fmt::rfc2822::parse) else {
            return;
        };
        let skew = there.timestamp().as_microsecond() - now_us();
        let is_other = u128::from(skew.unsigned_abs()) >= SKEW_MIN.as_micros();
        let skew = if is_other { skew } else { 0 };
        self.skew.store(skew, Ordering::Relaxed);
    }
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Whether the body is of this type.
fn is(headers: &HeaderMap, kind: &str) -> bool {
    let shown = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let shown = shown.and_then(|shown| shown.split(';').next());
    shown.is_some_and(|shown| shown.trim() == kind)
}
