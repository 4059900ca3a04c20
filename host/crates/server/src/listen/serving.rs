//! The accept loop, and what becomes of each connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::Listening;
use crate::app::App;
use crate::router::router;

/// Connections at once. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// For a client to finish the handshake of TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// For the head of a request to arrive. Also how long an idle connection is kept.
const HEAD_MAX: Duration = Duration::from_secs(15);
/// Of the head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a client may not take what it was sent. Then the connection is gone, whether it is
/// a stream that was cut off already, a page or a download.
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// Requests at once of one connection of HTTP/2.
const STREAMS_MAX: u32 = 64;
/// How long what is being answered may take when the server stops.
const GRACE_MAX: Duration = Duration::from_secs(10);
/// The pause after an error of accepting, such as too many open files.
const TROUBLE_PAUSE: Duration = Duration::from_millis(100);

/// What a connection speaks. TLS agrees on it; without TLS it is the first. To find it out
/// from the first bytes would let a client that sends none wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// How connections speak.
struct Serving {
    http: Builder<TokioExecutor>,
    router: Router,
    tls: Option<TlsAcceptor>,
}

impl Listening {
    /// Answers until `stop` is done, and finishes what it is answering then.
    pub async fn serve(self, app: App, stop: impl Future<Output = ()> + Send) {
        let serving = Arc::new(Serving {
            http: http(),
            router: router(app.clone()),
            tls: self.tls.map(TlsAcceptor::from),
        });
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let next = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&room).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (serving, watcher) = (Arc::clone(&serving), graceful.watcher());
                    tokio::spawn(async move {
                        serving.connection(stream, peer, watcher).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(TROUBLE_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        app.stop();
        if tokio::time::timeout(GRACE_MAX, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some requests were not finished in time");
        }
    }
}

impl Serving {
    async fn connection(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        // Answers are written whole; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        end_when_lost(&stream);
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(UNREAD_MAX));
        let stream = Box::pin(stream);
        let Some(tls) = &self.tls else {
            return self.speak(stream, Version::One, peer, watcher).await;
        };
        match tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let version = if is_two { Version::Two } else { Version::One };
                self.speak(stream, version, peer, watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
            Err(_) => tracing::debug!(%peer, "the handshake took too long"),
        }
    }

    async fn speak<S>(&self, stream: S, version: Version, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
        let service = TowerToHyperService::new(service);
        let http = match version {
            Version::One => self.http.clone().http1_only(),
            Version::Two => self.http.clone().http2_only(),
        };
        let connection = http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(%peer, error, "a connection ended");
        }
    }
}

/// Lets the kernel end the connection of a client that does not answer, when what it was sent is
/// in the kernel's buffers already and nobody waits for it here.
#[cfg(target_os = "linux")]
fn end_when_lost(stream: &TcpStream) {
    let time_ms = UNREAD_MAX.as_millis() as u32;
    // It fails only for what is no TCP connection.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, time_ms);
}

/// Elsewhere the kernel has its own time, which is longer.
#[cfg(not(target_os = "linux"))]
fn end_when_lost(_: &TcpStream) {}

fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(HEAD_MAX)
        .keep_alive_timeout(HEAD_MAX);
    http
}
