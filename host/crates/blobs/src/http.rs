//! The client for HTTP of an object storage: the crates that requests of tasks use, in place of
//! another client with crates of its own.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use tokio_rustls::rustls::crypto::ring;

const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a storage may take to begin its answer, before it is asked again.
const BEGIN_MAX: Duration = Duration::from_secs(30);

type Client = legacy::Client<HttpsConnector<connect::HttpConnector>, HttpRequestBody>;

/// Makes clients.
#[derive(Debug)]
pub(crate) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut plain = connect::HttpConnector::new();
        plain.enforce_http(false);
        plain.set_connect_timeout(Some(CONNECT_MAX));
        plain.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|err| object_store::Error::Generic {
                store: "HTTP",
                source: err.into(),
            })?;
        // A storage within one's own network may be without TLS: its address says so.
        let https = tls.https_or_http().enable_http1().wrap_connector(plain);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(https);
        Ok(HttpClient::new(Service(client)))
    }
}

#[derive(Debug)]
struct Service(Client);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answered = tokio::time::timeout(BEGIN_MAX, self.0.request(request)).await;
        let answer = answered
            .map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?
            .map_err(|err| {
                let kind = if err.is_connect() {
                    HttpErrorKind::Connect
                } else {
                    kind_of(&err)
                };
                HttpError::new(kind, err)
            })?;
        Ok(answer.map(|body| {
            HttpResponseBody::new(body.map_err(|err| HttpError::new(kind_of_body(&err), err)))
        }))
    }
}

fn kind_of(err: &legacy::Error) -> HttpErrorKind {
    let cause = err
        .source()
        .and_then(|it| it.downcast_ref::<hyper::Error>());
    cause.map_or(HttpErrorKind::Request, kind_of_body)
}

fn kind_of_body(err: &hyper::Error) -> HttpErrorKind {
    if err.is_timeout() {
        HttpErrorKind::Timeout
    } else if err.is_parse() {
        HttpErrorKind::Decode
    } else {
        HttpErrorKind::Interrupted
    }
}
