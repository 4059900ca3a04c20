//! Streams that go on: server-sent events.
//!
//! ```text
//! a task that reads what is new --a few events--> the body --> the client
//! ```
//!
//! Each event has an id, by which a client goes on after it when the connection is lost. A
//! client that does not read is cut off: what it has missed it can have later, by its id.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;
use tokio::sync::mpsc;

/// Pieces that wait for the client to read.
const PIECES_MAX: usize = 16;
/// How long a client may not read.
const SLOW_MAX: Duration = Duration::from_secs(30);
/// So often something is sent, so that a connection that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: &str = ": still here\n\n";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies must not hold events back.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Whether a client wants a stream.
pub fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The id of the last event that a client has had.
pub fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(&LAST_EVENT_ID)?.to_str().ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// The sending half of a stream.
pub struct EventSender {
    pieces: mpsc::Sender<Bytes>,
    /// Events that are not sent yet.
    text: String,
}

/// The client is gone, or does not read.
#[derive(Clone, Copy, Debug)]
pub struct Gone;

impl EventSender {
    /// Adds an event, to be sent with [`flush`](Self::flush).
    pub fn add(&mut self, id: &impl std::fmt::Display, kind: &str, data: &impl Serialize) {
        // JSON in one line never holds a line break.
        let data = serde_json::to_string(data).unwrap_or_default();
        self.text += &format!("id: {id}\nevent: {kind}\ndata: {data}\n\n");
    }

    /// Sends what was added.
    pub async fn flush(&mut self) -> Result<(), Gone> {
        if self.text.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.text));
        let sent = self.pieces.send_timeout(piece, SLOW_MAX).await;
        sent.map_err(|_| Gone)
    }

    /// Waits for what is next, and meanwhile shows the client that the stream goes on.
    pub async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, Gone> {
        let mut next = std::pin::pin!(next);
        loop {
            tokio::select! {
                next = &mut next => return Ok(next),
                () = self.pieces.closed() => return Err(Gone),
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    self.text += COMMENT;
                    self.flush().await?;
                }
            }
        }
    }
}

/// A stream that `write` writes, in a task of its own.
pub fn event_stream<F>(write: impl FnOnce(EventSender) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (pieces, receiver) = mpsc::channel(PIECES_MAX);
    tokio::spawn(write(EventSender {
        pieces,
        // Shows at once that the stream is there.
        text: COMMENT.to_owned(),
    }));
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(piece), receiver))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (NO_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}
