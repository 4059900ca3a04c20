//! `wasi:http/outgoing-handler`, whose requests are driven by the instance that waits for them.
//!
//! `wasmtime-wasi-http` gives each request two tasks of their own, so that a thread is woken for
//! each of them, which takes several times as long as the request itself where the server is near.
//! A request without a body needs none: nothing can happen to it that its instance does not wait
//! for. One with a body has one, since its instance may wait for room in the body meanwhile.

use futures::FutureExt;
use http_body_util::{BodyExt, Empty};
use hyper::header::CONTENT_LENGTH;
use hyper::http::uri::{self, Uri};
use hyper::{HeaderMap, Method, Request};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynPollable, subscribe};
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Method as WasiMethod, Scheme};
use wasmtime_wasi_http::p2::body::HostIncomingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{FieldMap, RequestOptions, WasiBody, WasiHttpView};

use super::http_errors::{TYPES, code};
use crate::guest::Guest;
use crate::http::{Exchange, Taken};

/// The version under which `wasmtime-wasi-http` links it.
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

type Handled = Result<Resource<Exchange>, ErrorCode>;
type Got = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;

pub(super) fn shadow_outgoing_handler(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.resource(
        "future-incoming-response",
        ResourceType::host::<Exchange>(),
        |mut store, index| {
            let exchange = Resource::<Exchange>::new_own(index);
            store.data_mut().ctx().table.delete(exchange)?;
            Ok(())
        },
    )?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store: StoreContextMut<'_, Guest>, (exchange,): (Resource<Exchange>,)| {
            let subscribed: Resource<DynPollable> =
                subscribe(store.data_mut().ctx().table, exchange)?;
            Ok((subscribed,))
        },
    )?;
    types.func_wrap(
        "[method]future-incoming-response.get",
        |mut store: StoreContextMut<'_, Guest>, (exchange,): (Resource<Exchange>,)| {
            Ok((get(store.data_mut(), &exchange)?,))
        },
    )?;
    linker.instance(HANDLER)?.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, Guest>,
         (request, options): (
            Resource<HostOutgoingRequest>,
            Option<Resource<RequestOptions>>,
        )| { Ok((handle(store.data_mut(), request, options)?,)) },
    )
}

fn handle(
    guest: &mut Guest,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Handled> {
    let http = guest.http();
    let options = match options {
        Some(options) => Some(*http.table.get(&options)?),
        None => None,
    };
    let request = http.table.delete(request)?;
    let has_body = request.body.is_some();
    let request = match sendable(request) {
        Ok(request) => request,
        Err(code) => return Ok(Err(code)),
    };
    let io = Box::new(async { Ok(()) });
    let sent = Box::into_pin(http.hooks.send_request(request, options, io));
    let answered = async move { Ok(sent.await?.0) };
    let answered = if has_body {
        spawn(answered).boxed()
    } else {
        answered.boxed()
    };
    Ok(Ok(http.table.push(Exchange::begin(answered))?))
}

/// The request that is sent for what a guest has put together.
fn sendable(request: HostOutgoingRequest) -> Result<Request<WasiBody>, ErrorCode> {
    let headers = HeaderMap::from(request.headers);
    let body = match request.body {
        Some(body) => body,
        None if announces_body(&headers) => return Err(ErrorCode::HttpRequestBodySize(Some(0))),
        None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
    };
    let scheme = match request.scheme {
        Some(Scheme::Http) => uri::Scheme::HTTP,
        Some(Scheme::Https) | None => uri::Scheme::HTTPS,
        Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(request.authority.unwrap_or_default())
        .path_and_query(request.path_with_query.unwrap_or_default());
    let uri = uri.build().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let mut sendable = Request::new(body);
    *sendable.method_mut() = method(request.method)?;
    *sendable.uri_mut() = uri;
    *sendable.headers_mut() = headers;
    Ok(sendable)
}

/// Whether the headers promise a body: a server would wait for it, and take what comes next over
/// the same connection for it.
fn announces_body(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    !lengths.all(|length| length == "0")
}

fn method(method: WasiMethod) -> Result<Method, ErrorCode> {
    Ok(match method {
        WasiMethod::Get => Method::GET,
        WasiMethod::Head => Method::HEAD,
        WasiMethod::Post => Method::POST,
        WasiMethod::Put => Method::PUT,
        WasiMethod::Delete => Method::DELETE,
        WasiMethod::Connect => Method::CONNECT,
        WasiMethod::Options => Method::OPTIONS,
        WasiMethod::Trace => Method::TRACE,
        WasiMethod::Patch => Method::PATCH,
        WasiMethod::Other(other) => {
            Method::from_bytes(other.as_bytes()).map_err(|_| ErrorCode::HttpRequestMethodInvalid)?
        }
    })
}

fn get(guest: &mut Guest, exchange: &Resource<Exchange>) -> wasmtime::Result<Got> {
    let http = guest.http();
    let answered = match http.table.get_mut(exchange)?.take() {
        None => return Ok(None),
        Some(Err(Taken)) => return Ok(Some(Err(()))),
        Some(Ok(answered)) => answered,
    };
    let (head, body) = match answered {
        Ok(answer) => answer.into_parts(),
        Err(err) => return Ok(Some(Ok(Err(code(&err))))),
    };
    let response = http.table.push(HostIncomingResponse {
        status: head.status.as_u16(),
        headers: FieldMap::new_immutable(http.hooks, head.headers),
        body: Some(HostIncomingBody::new(body)),
    })?;
    Ok(Some(Ok(Ok(response))))
}
