//! Sends the requests of one instance.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::header::PROXY_AUTHORIZATION;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::connect::capture_connection;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::answer::Answer;
use super::client::{Client, Clients, Owner};
use super::connect::Unreached;
use super::error::of_client;
use super::outgoing::Outgoing;
use super::target::Target;
use crate::budget::{Held, MemoryBudget};
use crate::network::Network;

/// What one request makes the host hold, in bytes: a head that is read, a part of its body on
/// the way there, and one on the way back.
const REQUEST_BYTES: usize = 512 << 10;

/// The largest part of a body that a guest hands over at once, in bytes.
const PART_MAX: usize = 64 << 10;

/// The hooks of one instance into `wasi:http`.
pub(crate) struct Hooks {
    pub network: Arc<Network>,
    /// None: of an instance that sends no requests.
    pub own: Option<Arc<Own>>,
}

/// What an instance has for its requests.
pub(crate) struct Own {
    owner: Owner,
    sender: Sender,
    /// Looked up at its first request.
    client: OnceCell<Client>,
}

impl Own {
    pub fn new(owner: Owner, sender: Sender) -> Self {
        Self {
            owner,
            sender,
            client: OnceCell::new(),
        }
    }

    async fn client(&self) -> &Client {
        let clients = &self.sender.clients;
        self.client.get_or_init(|| clients.of(&self.owner)).await
    }
}

/// What sends the requests of a worker.
#[derive(Clone)]
pub(crate) struct Sender {
    pub clients: Arc<Clients>,
    pub memory: Arc<MemoryBudget>,
}

type Answered = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Hooks {
    /// HTTP/2 has another form of it, and the client adds what its version needs.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PART_MAX
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        let sent = Sent {
            network: Arc::clone(&self.network),
            own: self.own.clone(),
        };
        Box::new(async move {
            let answer = sent.send(request, options.unwrap_or_default()).await?;
            let done: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
            Ok((answer, done))
        })
    }
}

/// One request.
struct Sent {
    network: Arc<Network>,
    own: Option<Arc<Own>>,
}

impl Sent {
    async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        // A proxy may answer one with what it got, its own password included; the other is no
        // request.
        if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let target = Target::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        if !self
            .network
            .may_request(target.scheme, &target.host, target.port)
        {
            return Err(Error::HttpRequestDenied);
        }
        let own = self.own.as_ref().ok_or(Error::HttpRequestDenied)?;
        let Sender { clients, memory } = &own.sender;
        let limits = &clients.limits;
        let connect_max = shorter(options.connect_timeout, limits.connect_max);
        let first_byte_max = shorter(options.first_byte_timeout, limits.first_byte_max);
        let between_bytes_max = shorter(options.between_bytes_timeout, limits.between_bytes_max);
        self.network.gate.pass().await;
        let held = hold(memory, connect_max).await?;

        let (parts, body) = request.into_parts();
        let (outgoing, sending) = Outgoing::new(body, limits.body_max);
        let mut request = Request::from_parts(parts, outgoing);
        let uri = target.in_uri(std::mem::take(request.uri_mut()));
        *request.uri_mut() = uri.ok_or(Error::HttpRequestUriInvalid)?;
        if target.scheme == model::HttpScheme::Http
            && let Some(proxy) = clients.proxy(request.uri())
            && let Some(auth) = proxy.basic_auth()
        {
            request
                .headers_mut()
                .insert(PROXY_AUTHORIZATION, auth.clone());
        }

        let mut connection = capture_connection(&mut request);
        let mut answer = pin!(own.client().await.request(request));
        let in_time = async {
            let connected = connection.wait_for_connection_metadata();
            if timeout(connect_max, connected).await.is_err() {
                return Error::ConnectionTimeout;
            }
            if let Err(err) = sending.done(between_bytes_max).await {
                return err;
            }
            tokio::time::sleep(first_byte_max).await;
            Error::HttpResponseTimeout
        };
        let answered = tokio::select! {
            // Nobody may have looked for a while.
            biased;
            answered = &mut answer => answered,
            late = in_time => return Err(late),
        };
        match answered {
            Ok(answer) => Ok(answer.map(|body| {
                Answer::new(body, limits.body_max, between_bytes_max, held).boxed_unsync()
            })),
            Err(_) if sending.is_too_large() => {
                Err(Error::HttpRequestBodySize(Some(limits.body_max)))
            }
            Err(err) => {
                let cause = std::error::Error::source(&err);
                let cause = cause.and_then(|it| it.downcast_ref::<Unreached>());
                if let Some(Unreached::Private { name, address }) = cause {
                    self.network.refuse_private(name, *address);
                }
                Err(of_client(&err))
            }
        }
    }
}

fn shorter(asked: Option<Duration>, max: Duration) -> Duration {
    asked.map_or(max, |asked| asked.min(max))
}

/// Waits until there is memory for one more request.
async fn hold(memory: &Arc<MemoryBudget>, max: Duration) -> Result<Held, Error> {
    match timeout(max, memory.reserve(REQUEST_BYTES)).await {
        Ok(Ok(held)) => Ok(held),
        Ok(Err(over)) => Err(Error::InternalError(Some(over.to_string()))),
        Err(_) => Err(Error::ConnectionLimitReached),
    }
}
