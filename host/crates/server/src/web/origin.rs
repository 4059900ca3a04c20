//! From which page a request comes.
//!
//! The API takes no cookies, so a foreign page can do nothing in the name of its visitor.
//! Still, only pages of this server, and of origins that were named, may call it.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::host::Host;
use super::problem::{Refused, WebProblem};
use crate::app::App;
use crate::settings::Origin;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, last-event-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("etag, location, retry-after, x-request-id");
/// Browsers ask again after so many seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Whether a browser sent the request from a page of another origin than `host`. Browsers say
/// so with every request that could change something; other programs say nothing.
pub fn is_from_elsewhere(headers: &HeaderMap, host: &Host) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|it| it.parse::<Origin>().ok());
    !origin.is_some_and(|origin| origin.is_of(&host.0))
}

/// Refuses requests of foreign pages, except of the origins that may call the API.
pub async fn cors(State(app): State<App>, host: Host, request: Request, next: Next) -> Response {
    if !is_from_elsewhere(request.headers(), &host) {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let allowed = origin.filter(|origin| {
        let origin = origin.to_str();
        origin.is_ok_and(|origin| app.settings.allows_origin(origin))
    });
    let Some(origin) = allowed else {
        return Refused::new(
            WebProblem::ForeignOrigin,
            "the request comes from a page of another site",
        )
        .hint("`orch-host server start --cors-origin ORIGIN` lets its pages call the API")
        .into_response();
    };
    let is_question = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_question {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}
