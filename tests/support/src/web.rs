//! Web servers on this machine, for tasks that send requests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path as At, Query, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures::{StreamExt as _, stream};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A web server that ends with the test.
///
/// | path | answer |
/// |---|---|
/// | `/echo` | the request, as JSON |
/// | `/status/{n}` | this status, with the body `because` |
/// | `/redirect/{n}?to=URL` | this status, and there |
/// | `/round` | a redirect to itself |
/// | `/bytes/{n}` | so many bytes |
/// | `/count` | how many bytes the request has, as JSON |
/// | `/never` | none |
/// | `/pause` | a beginning, and no more |
/// | `/cut` | half of what it says it has |
/// | `/wide` | headers of a megabyte |
/// | `/slow` | `slow`, after a second |
pub struct Web {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    slow: Arc<Slow>,
    is_tls: bool,
}

/// Who asks for `/slow`.
#[derive(Default)]
struct Slow {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Web {
    pub fn start() -> Self {
        Self::with(None)
    }

    /// With TLS, under this certificate and its key.
    pub fn with_tls(certificate: &Path, key: &Path) -> Self {
        let certificates = CertificateDer::pem_file_iter(certificate).unwrap();
        let certificates = certificates.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self::with(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn with(tls: Option<TlsAcceptor>) -> Self {
        let is_tls = tls.is_some();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let slow = Arc::new(Slow::default());
        let asked = Arc::clone(&slow);
        let address = serve(move |listener| async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (tls, slow) = (tls.clone(), Arc::clone(&asked));
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, slow).await,
                        Some(tls) => {
                            // Whoever does not like the certificate goes.
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, slow).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            connections,
            slow,
            is_tls,
        }
    }

    /// Says this to whoever connects, and hangs up.
    pub fn that_says(words: &'static str) -> SocketAddr {
        serve(move |listener| async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    let _ = stream.read(&mut asked).await;
                    let _ = stream.write_all(words.as_bytes()).await;
                });
            }
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn at(&self, path: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The same, under the name of this machine.
    pub fn at_name(&self, path: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.address.port())
    }

    /// How many have asked for `/slow` at once, at most.
    pub fn slow_at_once(&self) -> usize {
        self.slow.most.load(Ordering::SeqCst)
    }

    /// The connections that were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A proxy that lets everything through, or nothing.
pub struct Proxy {
    address: SocketAddr,
    asked: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Proxy {
    /// `refuses`: the answer to everybody, such as `407 Proxy Authentication Required`.
    pub fn start(refuses: Option<&'static str>) -> Self {
        let asked = Arc::default();
        let log: Arc<std::sync::Mutex<Vec<String>>> = Arc::clone(&asked);
        let address = serve(move |listener| async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(stream, Arc::clone(&log), refuses));
            }
        });
        Self { address, asked }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first lines of what it was asked, with what it was told of who asks.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn pass(
    mut client: tokio::net::TcpStream,
    log: Arc<std::sync::Mutex<Vec<String>>>,
    refuses: Option<&'static str>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let first = head.lines().next().unwrap_or_default().to_owned();
    let auth = head.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with("proxy-authorization:")
    });
    let line = [Some(&*first), auth]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    log.lock().unwrap().push(line.join("; "));
    if let Some(status) = refuses {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let _ = client.write_all(answer.as_bytes()).await;
        return;
    }
    let target = first.split(' ').nth(1).unwrap_or_default();
    let is_tunnel = first.starts_with("CONNECT ");
    let place = match target.strip_prefix("http://") {
        Some(rest) => rest.split('/').next().unwrap_or_default().to_owned(),
        None => target.to_owned(),
    };
    let Ok(mut server) = tokio::net::TcpStream::connect(place).await else {
        let _ = client
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            .await;
        return;
    };
    let ready = if is_tunnel {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await
    } else {
        // The servers of tests take a whole URL as well as a path.
        server.write_all(head.as_bytes()).await
    };
    if ready.is_ok() {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Runs this on a thread of its own, with a listener on this machine.
fn serve<F>(serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()>,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        let listening = async { serve(TcpListener::from_std(listener).unwrap()).await };
        local.block_on(&runtime, listening);
    });
    address
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, asked: Arc<Slow>) {
    let service = TowerToHyperService::new(router(asked));
    let builder = Builder::new(TokioExecutor::new());
    // A client that goes is nobody's fault.
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn router(asked: Arc<Slow>) -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/status/{status}", any(status))
        .route("/redirect/{status}", any(redirect))
        .route(
            "/round",
            any(|| async { (StatusCode::FOUND, [("location", "/round")]) }),
        )
        .route("/bytes/{count}", get(bytes))
        .route("/count", post(count))
        .route("/never", get(std::future::pending::<()>))
        .route("/pause", get(pause))
        .route("/cut", get(cut))
        .route("/wide", get(wide))
        .route("/slow", get(move || slow(asked)))
}

async fn echo(request: Request) -> axum::Json<Value> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let headers: BTreeMap<String, String> = of(&parts.headers);
    axum::Json(json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "version": format!("{:?}", parts.version),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    }))
}

fn of(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text =
        |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

async fn status(At(status): At<u16>) -> (StatusCode, &'static str) {
    (StatusCode::from_u16(status).unwrap(), "because")
}

async fn redirect(
    At(status): At<u16>,
    Query(query): Query<BTreeMap<String, String>>,
) -> impl IntoResponse {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("location", query["to"].clone())])
}

async fn bytes(At(count): At<u64>) -> Body {
    const PART: usize = 64 << 10;
    let whole = (0..count / PART as u64).map(|_| Bytes::from_static(&[7; PART]));
    let rest = Bytes::from(vec![7; usize::try_from(count % PART as u64).unwrap()]);
    let parts = whole.chain([rest]).map(Ok::<_, Infallible>);
    Body::from_stream(stream::iter(parts))
}

async fn count(request: Request) -> axum::Json<Value> {
    let mut parts = request.into_body().into_data_stream();
    let (mut bytes, mut sum) = (0, 0_u64);
    while let Some(Ok(part)) = parts.next().await {
        bytes += part.len();
        sum = part
            .iter()
            .fold(sum, |sum, byte| sum.wrapping_add((*byte).into()));
    }
    axum::Json(json!({ "bytes": bytes, "sum": sum }))
}

async fn pause() -> Body {
    let begins = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"begins"))]);
    Body::from_stream(begins.chain(stream::pending()))
}

async fn cut() -> Response {
    let half = stream::iter([Ok(Bytes::from_static(b"half")), Err("gone")]);
    let mut cut = Response::new(Body::from_stream(half));
    cut.headers_mut()
        .insert("content-length", "8".parse().unwrap());
    cut
}

async fn wide() -> impl IntoResponse {
    let value = "w".repeat(10_000);
    let headers: Vec<_> = (0..100)
        .map(|at| (format!("x-wide-{at}"), value.clone()))
        .collect();
    let mut wide = Response::new(Body::empty());
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        wide.headers_mut().insert(name, value.parse().unwrap());
    }
    wide
}

async fn slow(asked: Arc<Slow>) -> &'static str {
    let now = asked.now.fetch_add(1, Ordering::SeqCst) + 1;
    asked.most.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    asked.now.fetch_sub(1, Ordering::SeqCst);
    "slow"
}
