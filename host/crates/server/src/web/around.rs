//! The outermost layer: gives each request an id, logs it, and finishes its answer.
//!
//! A panic of a handler becomes a problem too: the connection and the server go on.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use operations::problem::Problem;
use tracing::Instrument as _;
use uuid::Uuid;

use super::headers::dress;
use super::problem::{Refused, problem_body};
use crate::app::App;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request in logs and problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let id = parts.extensions.get::<Self>().copied();
        id.ok_or_else(|| Problem::internal("the request has no id").into())
    }
}

/// What the outermost layer needs.
#[derive(Clone)]
pub struct Around {
    pub app: App,
    /// Makes a page of a problem.
    pub page: fn(&App, &Refused, Uuid) -> Response,
}

pub async fn around(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7());
    let begin = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let wants_page = wants_page(&path, request.headers());
    request.extensions_mut().insert(id);
    let span = tracing::info_span!("request", id = %id.0);

    let answered = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match answered.instrument(span).await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(id = %id.0, %method, path, "a handler panicked: {}", said(&*panic));
            Refused::from(Problem::internal("the server made a mistake")).into_response()
        }
    };
    if let Some(refused) = response.extensions_mut().remove::<Refused>() {
        response = write(&around, &refused, id, wants_page);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0.to_string()) {
        headers.insert(X_REQUEST_ID, value);
    }
    dress(headers, &around.app.settings);
    let status = response.status().as_u16();
    let ms = begin.elapsed().as_millis();
    tracing::info!(id = %id.0, %method, path, status, ms, "answered");
    response
}

/// Whether a problem is better told by a page.
fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    !path.starts_with("/v1") && accept.is_some_and(|accept| accept.contains("text/html"))
}

fn write(
    around: &Around,
    refused: &Refused,
    RequestId(id): RequestId,
    wants_page: bool,
) -> Response {
    if refused.status.is_server_error() {
        tracing::warn!(id = %id, kind = refused.slug, "{}", refused.detail);
    }
    let mut response = if wants_page {
        (around.page)(&around.app, refused, id)
    } else {
        let document = problem_body(refused, id);
        let text = serde_json::to_string(&document).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        ([(CONTENT_TYPE, json)], text).into_response()
    };
    *response.status_mut() = refused.status;
    response.headers_mut().extend(refused.headers.clone());
    response
}

fn said(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return text;
    }
    panic.downcast_ref::<String>().map_or("?", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_browsers_get_pages_and_never_from_the_api() {
        let wants = |path: &str, accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wants_page(path, &headers)
        };
        assert!(wants("/flow-runs", "text/html,*/*;q=0.8"));
        assert!(!wants("/flow-runs", "application/json"));
        assert!(!wants("/v1/flow-runs", "text/html"));
        assert!(!wants_page("/flow-runs", &HeaderMap::new()));
    }

    #[test]
    fn what_a_panic_said_is_known() {
        let panicked = |panic: Box<dyn Any + Send>| said(&*panic).to_owned();
        assert_eq!(panicked(Box::new("text")), "text");
        assert_eq!(panicked(Box::new("owned".to_owned())), "owned");
        assert_eq!(panicked(Box::new(7)), "?");
    }
}
