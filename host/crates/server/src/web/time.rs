//! How long a request may take.
//!
//! A client that sends its body by the byte holds a task and a connection, and no more than
//! that; but it must not do so for ever. Streams have their own end: what counts here is the
//! head of the answer.

use std::time::Duration;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Refused, WebProblem};

/// For an answer to begin.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// The same where a large body has to arrive first.
const UPLOAD_MAX: Duration = Duration::from_mins(5);

pub async fn in_time(request: Request, next: Next) -> Response {
    let is_upload = request.method() == Method::POST && request.uri().path() == "/v1/components";
    let limit = if is_upload { UPLOAD_MAX } else { ANSWER_MAX };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("the request took longer than {} s", limit.as_secs());
            Refused::new(WebProblem::Timeout, detail).into_response()
        }
    }
}
