//! Requests that come again: a client that lost the answer sends the same request with the
//! same `Idempotency-Key`, and it is done once.
//!
//! ```text
//! begin --new------> do it, apart from the connection --succeeded--> keep the answer
//!       --pending--> 409, try again                    --refused----> forget that it began
//!       --answered-> the answer of the first
//!       --other----> 422
//! ```
//!
//! Only success is kept: what was refused has changed nothing, and may be allowed later.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use operations::problem::Problem;
use sha2::{Digest as _, Sha256};
use store::{AnswerKey, Begun, StoredAnswer};

use crate::app::App;
use crate::auth::Bearer;
use crate::web::{Refused, WebProblem, unreadable};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that the answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEY_MAX: usize = 200;
/// After which another may begin what one has begun and not answered.
const PATIENCE: Duration = Duration::from_mins(1);
/// Of an answer that is kept, in bytes.
const ANSWER_MAX: usize = 8 << 20;
const KEPT: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

/// The key that a client gave.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(key) = headers.get(&IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if (1..=KEY_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let detail = format!("an `Idempotency-Key` has 1 to {KEY_MAX} printable characters");
            Err(Refused::new(WebProblem::Malformed, detail))
        }
    }
}

/// Does a request with a key once.
pub(super) async fn once(
    State(app): State<App>,
    Bearer(token): Bearer,
    request: Request,
    next: Next,
) -> Response {
    let key = match key_of(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(refused) => return refused.into_response(),
    };
    let (request, fingerprint) = match fingerprinted(request, &app).await {
        Ok(read) => read,
        Err(refused) => return refused.into_response(),
    };
    let key = AnswerKey {
        token: token.id,
        key,
        fingerprint,
    };
    let begun = app.store.begin_answer(key.clone(), app.now(), PATIENCE);
    let refused = match begun.await {
        Ok(Begun::New) => {
            // The client may be gone before it is done; the next request has its answer.
            let done = tokio::spawn(do_and_keep(app, key, request, next));
            return done.await.unwrap_or_else(|_| {
                Refused::from(Problem::internal("the server made a mistake")).into_response()
            });
        }
        Ok(Begun::Answered(answer)) => return replayed(answer),
        Ok(Begun::Pending) => Refused::new(
            WebProblem::KeyPending,
            format!(
                "the first request with the key `{}` is not answered yet",
                key.key
            ),
        )
        .retry_after(1),
        Ok(Begun::Other) => Refused::new(
            WebProblem::KeyReused,
            format!("the key `{}` was used for another request", key.key),
        )
        .hint("a new request needs a new key"),
        Err(err) => err.into(),
    };
    refused.into_response()
}

/// Reads the body, so that what is asked is known.
async fn fingerprinted(request: Request, app: &App) -> Result<(Request, [u8; 32]), Refused> {
    let (parts, body) = request.into_parts();
    let again = Request::from_parts(parts.clone(), body);
    let bytes = Bytes::from_request(again, app)
        .await
        .map_err(|err| unreadable(&err))?;
    let mut digest = Sha256::new();
    for part in [parts.method.as_str(), &parts.uri.to_string()] {
        digest.update(part);
        digest.update([0]);
    }
    digest.update(&bytes);
    let request = Request::from_parts(parts, Body::from(bytes));
    Ok((request, digest.finalize().into()))
}

async fn do_and_keep(app: App, key: AnswerKey, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let (response, answer) = if response.status().is_success() {
        match answer_of(response).await {
            Ok((response, answer)) => (response, Some(answer)),
            Err(refused) => (refused.into_response(), None),
        }
    } else {
        (response, None)
    };
    if let Err(error) = app.store.keep_answer(key, answer).await {
        tracing::warn!(%error, "an answer was not kept");
    }
    response
}

async fn answer_of(response: Response) -> Result<(Response, StoredAnswer), Refused> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_MAX)
        .await
        .map_err(|err| Problem::internal(err.to_string()))?;
    let headers = KEPT.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str(), value))
    });
    let headers: BTreeMap<_, _> = headers.collect();
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        headers: serde_json::to_string(&headers)?,
        body: body.to_vec(),
    };
    Ok((Response::from_parts(parts, Body::from(body)), answer))
}

fn replayed(answer: StoredAnswer) -> Response {
    let mut response = Body::from(answer.body).into_response();
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let kept: BTreeMap<String, String> = serde_json::from_str(&answer.headers).unwrap_or_default();
    let headers = response.headers_mut();
    for name in KEPT {
        let value = kept.get(name.as_str()).and_then(|it| it.parse().ok());
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
