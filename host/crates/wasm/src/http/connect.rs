//! Makes the connections of one deployment, only to where it may reach.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

use super::target::Target;
use crate::network::resolve;
use crate::reach::Reach;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreached {
    /// A name that was granted leads into the own network.
    #[error("`{name}` is {address}, which is no public address")]
    Private { name: String, address: IpAddr },
    #[error("`{name}` was not found: {why}")]
    Unknown { name: String, why: io::Error },
    #[error("{0}")]
    Io(io::Error),
    #[error("no connection after {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    Proxy(String),
}

/// Connects without TLS: to the server, or to what leads to it.
#[derive(Clone)]
pub(super) struct Connector {
    pub reach: Arc<Reach>,
    pub proxies: Option<Arc<Matcher>>,
    /// One for each connection that the process may have at once.
    pub places: Arc<Semaphore>,
    /// The same for each that this deployment may have: it leaves some to others.
    pub own_places: Arc<Semaphore>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Stream, Unreached> {
        let proxy = self.proxies.as_ref().and_then(|it| it.intercept(&uri));
        match proxy {
            Some(proxy) => self.connect_by(&proxy, uri).await,
            None => self.connect_to(&uri).await,
        }
    }

    async fn connect_to(&self, uri: &Uri) -> Result<Stream, Unreached> {
        let no_host = || Unreached::Io(io::Error::other(format!("`{uri}` names no server")));
        let target = Target::of(uri).ok_or_else(no_host)?;
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => self.look_up(&target).await?,
        };
        self.dial(&addresses, target.port, false).await
    }

    /// The addresses of a granted name that it may lead to.
    async fn look_up(&self, target: &Target) -> Result<Vec<IpAddr>, Unreached> {
        let Target { scheme, host, port } = target;
        let found = look_up(host).await?;
        let may = |address: &&IpAddr| self.reach.may_dial(*scheme, host, **address, *port);
        let open: Vec<IpAddr> = found.iter().filter(may).copied().collect();
        match found.first() {
            Some(private) if open.is_empty() => Err(Unreached::Private {
                name: host.clone(),
                address: *private,
            }),
            _ => Ok(open),
        }
    }

    async fn connect_by(&self, proxy: &Intercept, uri: Uri) -> Result<Stream, Unreached> {
        let target = Target::of(proxy.uri());
        let Some(target) = target.filter(|it| it.scheme == model::HttpScheme::Http) else {
            let place = Place(proxy.uri());
            let why = format!("the proxy `{place}` is none of HTTP: its URL begins with `http://`");
            return Err(Unreached::Proxy(why));
        };
        if uri.scheme_str() == Some("http") {
            // It takes the request itself.
            return self.dial_proxy(target, true).await;
        }
        let own = self.clone();
        let dial = tower_service_fn(move |_| {
            let (own, target) = (own.clone(), target.clone());
            async move { own.dial_proxy(target, false).await }.boxed()
        });
        let mut tunnel = Tunnel::new(proxy.uri().clone(), dial);
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let through = tunnel.call(uri).await;
        through.map_err(|err| {
            let place = Place(proxy.uri());
            // The way to the proxy has a reason of its own.
            let why = std::error::Error::source(&err).map_or(err.to_string(), ToString::to_string);
            Unreached::Proxy(format!("the proxy `{place}` did not let it through: {why}"))
        })
    }

    /// The proxy is the choice of whoever started the worker, and need not be granted.
    async fn dial_proxy(&self, proxy: Target, takes_requests: bool) -> Result<Stream, Unreached> {
        let addresses = match proxy.address() {
            Some(address) => vec![address],
            None => look_up(&proxy.host).await?,
        };
        let dialed = self.dial(&addresses, proxy.port, takes_requests).await;
        dialed.map_err(|err| match err {
            Unreached::Io(err) => Unreached::Proxy(format!("the proxy `{proxy}`: {err}")),
            err => err,
        })
    }

    /// Connects to the first of these that takes it.
    async fn dial(
        &self,
        addresses: &[IpAddr],
        port: u16,
        is_proxy: bool,
    ) -> Result<Stream, Unreached> {
        let never = "the semaphore is never closed";
        let own = Arc::clone(&self.own_places).acquire_owned();
        let own = own.await.expect(never);
        let place = Arc::clone(&self.places).acquire_owned();
        let place = place.await.expect(never);
        let mut failed = io::Error::from(io::ErrorKind::HostUnreachable);
        for address in addresses {
            match TcpStream::connect(SocketAddr::new(*address, port)).await {
                Ok(stream) => {
                    // Whoever sends little wants it there at once.
                    let _ = stream.set_nodelay(true);
                    return Ok(Stream {
                        io: TokioIo::new(stream),
                        is_proxy,
                        _places: (own, place),
                    });
                }
                Err(err) => failed = err,
            }
        }
        Err(Unreached::Io(failed))
    }
}

async fn look_up(name: &str) -> Result<Vec<IpAddr>, Unreached> {
    let unknown = |why| Unreached::Unknown {
        name: name.to_owned(),
        why,
    };
    resolve(name.to_owned()).await.map_err(unknown)
}

/// A URL without whoever is named in it, who may come with a password.
struct Place<'u>(&'u Uri);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or("http");
        write!(f, "{scheme}://{}", self.0.host().unwrap_or_default())?;
        match self.0.port_u16() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Unreached;
    type Future = BoxFuture<'static, Result<Stream, Unreached>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreached>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.clone().connect(uri).boxed()
    }
}

/// A function as a service.
fn tower_service_fn<F>(call: F) -> Called<F> {
    Called(call)
}

struct Called<F>(F);

impl<F> Service<Uri> for Called<F>
where
    F: Fn(Uri) -> BoxFuture<'static, Result<Stream, Unreached>>,
{
    type Response = Stream;
    type Error = Unreached;
    type Future = BoxFuture<'static, Result<Stream, Unreached>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreached>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        (self.0)(uri)
    }
}

/// A connector that takes only so long, TLS included.
#[derive(Clone)]
pub(super) struct Timed<C> {
    pub connector: C,
    pub max: Duration,
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
    C::Response: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, max) = (self.connector.call(uri), self.max);
        async move {
            match tokio::time::timeout(max, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(Unreached::TimedOut(max).into()),
            }
        }
        .boxed()
    }
}

/// A connection, with its place among those of the process.
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    /// Whether it leads to a proxy that takes requests for others.
    is_proxy: bool,
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxy)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
