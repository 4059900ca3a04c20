//! Which host a request is for.
//!
//! A page of a foreign site can make its own name point to this machine (DNS rebinding); then
//! the browser sends its requests here, as if they were of one origin. Their `Host` gives
//! them away.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Refused, WebProblem};
use crate::app::App;

/// The host that a request is for, which is known.
#[derive(Clone, Debug)]
pub struct Host(pub Authority);

impl<S: Sync> FromRequestParts<S> for Host {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let host = parts.extensions.get::<Self>().cloned();
        host.ok_or_else(|| Refused::new(WebProblem::UnknownHost, "the request names no host"))
    }
}

/// Refuses what is for a foreign host.
pub async fn check_host(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let named = match request.uri().authority() {
        // HTTP/2, and requests to a proxy.
        Some(authority) => Some(authority.clone()),
        None => {
            let host = request.headers().get(HOST);
            host.and_then(|host| host.to_str().ok()?.parse().ok())
        }
    };
    let refused = match named {
        Some(host) if app.settings.knows_host(&host) => {
            request.extensions_mut().insert(Host(host));
            return next.run(request).await;
        }
        Some(host) => {
            let detail = format!("`{host}` is not a name of this server");
            Refused::new(WebProblem::UnknownHost, detail)
        }
        None => Refused::new(WebProblem::UnknownHost, "the request names no host"),
    };
    let hint = "`orch-host server start --public-url URL` makes a name known";
    refused.hint(hint).into_response()
}
