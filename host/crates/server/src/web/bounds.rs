//! How long a request may take, and how large it may be.
//!
//! A client that sends its body by the byte holds a task and a connection, and no more than
//! that; but it must not do so for ever. Streams have their own end: what counts here is the
//! head of the answer.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Method;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::body::too_large;
use super::problem::{Refused, WebProblem};

/// What a request may take.
struct Bounds {
    /// For an answer to begin.
    time: Duration,
    /// Of its body.
    bytes: usize,
}

impl Bounds {
    const USUAL: Self = Self {
        time: Duration::from_secs(30),
        bytes: 8 << 20,
    };
    /// Of a component, which is large.
    const UPLOAD: Self = Self {
        time: Duration::from_mins(5),
        bytes: 64 << 20,
    };

    fn of(request: &Request) -> Self {
        let is_upload = matches!(request.uri().path(), "/v1/components" | "/components/new");
        if is_upload && request.method() == Method::POST {
            Self::UPLOAD
        } else {
            Self::USUAL
        }
    }
}

/// Keeps a request within its bounds.
pub async fn in_bounds(request: Request, next: Next) -> Response {
    let bounds = Bounds::of(&request);
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > bounds.bytes) {
        return too_large().into_response();
    }
    let answering = service_fn(move |request| {
        let next = next.clone();
        async move { Ok::<_, std::convert::Infallible>(next.run(request).await) }
    });
    let answering = DefaultBodyLimit::max(bounds.bytes).layer(answering);
    match tokio::time::timeout(bounds.time, answering.oneshot(request)).await {
        Ok(Ok(response)) => response,
        Err(_) => {
            let detail = format!("the request took longer than {} s", bounds.time.as_secs());
            Refused::new(WebProblem::Timeout, detail).into_response()
        }
    }
}
