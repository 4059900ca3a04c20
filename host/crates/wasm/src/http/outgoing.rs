//! The body of a request, as it is sent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use wasmtime_wasi_http::{Error, WasiBody};

/// The body of a request, which is no more than its limit.
pub(super) struct Outgoing {
    body: WasiBody,
    left: u64,
    max: u64,
    sending: Sending,
}

/// How far the body of a request is.
#[derive(Clone)]
pub(super) struct Sending(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy)]
enum State {
    /// The guest is to give more.
    Guest,
    /// The server is to take more, since then.
    Server(Instant),
    /// All of it is gone.
    Sent,
    /// It is larger than its limit.
    TooLarge,
}

impl Outgoing {
    pub fn new(body: WasiBody, max: u64) -> (Self, Sending) {
        let state = if body.is_end_stream() {
            State::Sent
        } else {
            State::Server(Instant::now())
        };
        let sending = Sending(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
        }));
        let outgoing = Self {
            body,
            left: max,
            max,
            sending: sending.clone(),
        };
        (outgoing, sending)
    }
}

impl Sending {
    /// Waits until the body is sent, or until the server has taken nothing for so long.
    pub async fn done(&self, between_bytes_max: Duration) -> Result<(), Error> {
        loop {
            let changed = self.0.changed.notified();
            let state = *self.lock();
            match state {
                State::Sent => return Ok(()),
                State::TooLarge => std::future::pending().await,
                State::Guest => changed.await,
                State::Server(since) => {
                    let left = between_bytes_max.saturating_sub(since.elapsed());
                    if left.is_zero() {
                        return Err(Error::ConnectionWriteTimeout);
                    }
                    // The time counts anew for each part.
                    let _ = tokio::time::timeout(left, changed).await;
                }
            }
        }
    }

    /// Whether it was more than it may be.
    pub fn is_too_large(&self) -> bool {
        matches!(*self.lock(), State::TooLarge)
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic while it is changed")
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let Poll::Ready(frame) = polled else {
            self.sending.set(State::Guest);
            return Poll::Pending;
        };
        let Some(Ok(part)) = &frame else {
            return Poll::Ready(frame);
        };
        let bytes = part.data_ref().map_or(0, Bytes::len) as u64;
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                self.sending.set(State::Server(Instant::now()));
                Poll::Ready(frame)
            }
            None => {
                self.sending.set(State::TooLarge);
                Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.max)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Outgoing {
    /// The connection drops it when it has all of it, or needs no more of it.
    fn drop(&mut self) {
        if !self.sending.is_too_large() {
            self.sending.set(State::Sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use http_body_util::{BodyExt, Full};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn body(bytes: usize, max: u64) -> (Outgoing, Sending) {
        let full = Full::new(Bytes::from(vec![7; bytes]));
        Outgoing::new(full.map_err(|never| match never {}).boxed_unsync(), max)
    }

    #[tokio::test]
    async fn a_body_may_have_as_much_as_its_limit() {
        let (outgoing, sending) = body(10, 10);
        assert!(sending.done(LONG).now_or_never().is_none());
        assert_eq!(outgoing.collect().await.unwrap().to_bytes().len(), 10);
        sending.done(LONG).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_is_larger_is_not_sent() {
        let (outgoing, sending) = body(11, 10);
        let err = outgoing.collect().await.unwrap_err();
        assert!(matches!(err, Error::HttpRequestBodySize(Some(10))), "{err}");
        assert!(sending.is_too_large());
    }

    #[tokio::test]
    async fn a_server_that_takes_nothing_is_given_up() {
        let (_outgoing, sending) = body(10, 10);
        let done = sending.done(Duration::ZERO).await;
        assert!(matches!(done, Err(Error::ConnectionWriteTimeout)));
    }
}
